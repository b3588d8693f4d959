//! `tickcast._engine.Book`: the order book of one instrument.

use numpy::ndarray::Dim;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tickcast_engine::book::{BookLevel, Event, Every, Feed, Kind, MBO_RECORD, QueuePosition, Sink, Trouble, lives};

use crate::memory::empty;

type Column<'py, T> = PyReadonlyArray1<'py, T>;
type Refusal = Option<(u64, &'static str)>;
type Rows<'py> = (
    usize,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray2<f64>>,
    Refusal,
);
type Lives<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i8>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
);
type Level = (f64, Option<i64>, u32);
type Place = (i8, f64, i64, i64, u32, i64, Option<i64>);
/// Rows are shorter than the memory for them, and columns begin at different places of a page: equal places would fight for the cache.
const OFFSET: usize = 24;
const PAGE: usize = 512;
const SECOND: f64 = 1e9;

/// `tickcast.errors.DataError` with this message.
fn data_error(py: Python<'_>, message: &str) -> PyErr {
    let class = py.import("tickcast.errors").and_then(|errors| errors.getattr("DataError"));
    match class.and_then(|class| class.call1((message,))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Columns of events, side by side.
struct Columns<'a> {
    ts: &'a [i64],
    kind: &'a [u8],
    id: &'a [i64],
    side: &'a [i8],
    price: &'a [i64],
    size: &'a [i64],
    flags: &'a [u8],
}

impl Columns<'_> {
    fn at(&self, i: usize) -> Event {
        Event {
            ts: self.ts[i],
            id: self.id[i] as u64,
            price: self.price[i],
            size: self.size[i],
            kind: Kind::from_number(self.kind[i]),
            side: self.side[i].signum(),
            flags: self.flags[i],
        }
    }
}

/// Take events in, without the interpreter lock; the rows they make, in memory that may be longer.
fn taken<'py>(
    py: Python<'py>,
    feed: &mut Feed,
    most: usize,
    strict: bool,
    run: impl FnOnce(&mut Feed, &mut Sink<'_>, bool) -> Refusal + Send,
) -> PyResult<Rows<'py>> {
    let stride = most.next_multiple_of(PAGE) + OFFSET;
    let (ts, row, cells) = (
        empty(py, Dim(stride))?,
        empty(py, Dim(stride))?,
        empty(py, Dim([4 * feed.levels(), stride]))?,
    );
    let (written, refused) = {
        let (mut a, mut b, mut c) = (ts.readwrite(), row.readwrite(), cells.readwrite());
        let mut sink = Sink {
            ts: a.as_slice_mut()?,
            row: b.as_slice_mut()?,
            cells: c.as_slice_mut()?,
            stride,
            written: 0,
        };
        let refused = py.detach(|| run(feed, &mut sink, strict));
        (sink.written, refused)
    };
    Ok((written, ts, row, cells, refused))
}

fn run(feed: &mut Feed, events: impl Iterator<Item = Event>, sink: &mut Sink<'_>, strict: bool) -> Refusal {
    let refused = feed.run(events, sink, strict).err()?;
    Some((refused.event, refused.trouble.name()))
}

fn records<'a>(py: Python<'_>, bytes: &'a [u8]) -> PyResult<&'a [[u8; MBO_RECORD]]> {
    match bytes.as_chunks() {
        (records, []) => Ok(records),
        (_, rest) => Err(data_error(
            py,
            &format!("{} bytes are left after the last record of {MBO_RECORD}", rest.len()),
        )),
    }
}

fn level(rank: BookLevel) -> Level {
    (rank.price, rank.size, rank.orders)
}

/// The order book of one instrument, and rows of its first levels.
#[pyclass(module = "tickcast._engine", name = "Book")]
pub(crate) struct PyBook {
    feed: Feed,
}

#[pymethods]
impl PyBook {
    /// `every`: "event", "packet", "change" or "grid" with `step` in ns. `depth`: levels a side that the feed reports, 0 for all.
    /// `opens`: from when on crossed books are counted.
    #[new]
    #[pyo3(signature = (levels, every, step=0, depth=0, opens=None))]
    fn new(py: Python<'_>, levels: usize, every: &str, step: i64, depth: usize, opens: Option<i64>) -> PyResult<Self> {
        let every = match every {
            "event" => Every::Event,
            "packet" => Every::Packet,
            "change" => Every::Change,
            "grid" if step > 0 => Every::Grid(step),
            _ => return Err(data_error(py, &format!("rows every {every:?} with step {step}"))),
        };
        let feed = Feed::new(levels, every, depth, opens.unwrap_or(i64::MIN));
        Ok(Self { feed })
    }

    /// Take events in; returns (rows, ts, row, cells, refused): `cells` has a line for each column of the book, and of each line `rows`
    /// numbers count. `refused` is the number and trouble of the event at which a strict book stopped.
    #[allow(clippy::too_many_arguments, reason = "columns side by side, as numpy holds them")]
    fn apply<'py>(
        &mut self,
        py: Python<'py>,
        ts: Column<'py, i64>,
        kind: Column<'py, u8>,
        id: Column<'py, i64>,
        side: Column<'py, i8>,
        price: Column<'py, i64>,
        size: Column<'py, i64>,
        flags: Column<'py, u8>,
        strict: bool,
    ) -> PyResult<Rows<'py>> {
        let events = Columns {
            ts: ts.as_slice()?,
            kind: kind.as_slice()?,
            id: id.as_slice()?,
            side: side.as_slice()?,
            price: price.as_slice()?,
            size: size.as_slice()?,
            flags: flags.as_slice()?,
        };
        let n = events.ts.len();
        let others = [events.kind.len(), events.id.len(), events.side.len(), events.price.len()];
        if others
            .iter()
            .chain(&[events.size.len(), events.flags.len()])
            .any(|length| *length != n)
        {
            return Err(data_error(py, "columns of events differ in length"));
        }
        let packets = events.flags.iter().filter(|flags| **flags & Event::LAST != 0).count();
        let most = self.feed.most_rows(n, packets);
        taken(py, &mut self.feed, most, strict, |feed, sink, strict| {
            run(feed, (0..n).map(|i| events.at(i)), sink, strict)
        })
    }

    /// As `apply`, from Databento records of one instrument, one after another.
    fn apply_mbo<'py>(&mut self, py: Python<'py>, bytes: Column<'py, u8>, strict: bool) -> PyResult<Rows<'py>> {
        let records = records(py, bytes.as_slice()?)?;
        let packets = records.iter().filter(|record| record[36] & Event::LAST != 0).count();
        let most = self.feed.most_rows(records.len(), packets);
        taken(py, &mut self.feed, most, strict, |feed, sink, strict| {
            run(feed, records.iter().map(Event::from_mbo), sink, strict)
        })
    }

    /// Take Databento records in; returns (row, kind, size, remaining, age in s) of the messages of orders among them, NaN where not known.
    fn lives_mbo<'py>(&mut self, py: Python<'py>, bytes: Column<'py, u8>) -> PyResult<Lives<'py>> {
        let records = records(py, bytes.as_slice()?)?;
        let feed = &mut self.feed;
        let found = py.detach(|| {
            let mut found = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
            lives(feed, records.iter().map(Event::from_mbo), |life| {
                found.0.push(life.row as i64);
                found.1.push(life.kind as i8);
                found.2.push(life.size as f64);
                found.3.push(life.remaining.map_or(f64::NAN, |left| left as f64));
                found.4.push(life.age.map_or(f64::NAN, |age| age as f64 / SECOND));
            });
            found
        });
        Ok((
            PyArray1::from_vec(py, found.0),
            PyArray1::from_vec(py, found.1),
            PyArray1::from_vec(py, found.2),
            PyArray1::from_vec(py, found.3),
            PyArray1::from_vec(py, found.4),
        ))
    }

    /// Time has come to `ts` without an event; returns as `apply` the row of the grid that was due.
    fn advance<'py>(&mut self, py: Python<'py>, ts: i64) -> PyResult<Rows<'py>> {
        taken(py, &mut self.feed, 1, false, |feed, sink, _| {
            feed.advance(ts, sink);
            None
        })
    }

    /// Take one event in and make no row; returns its trouble.
    #[allow(clippy::too_many_arguments, reason = "the fields of one event")]
    fn update(&mut self, ts: i64, kind: u8, id: i64, side: i8, price: i64, size: i64, flags: u8) -> Option<&'static str> {
        let event = Event {
            ts,
            id: id as u64,
            price,
            size,
            kind: Kind::from_number(kind),
            side: side.signum(),
            flags,
        };
        let mut sink = Sink {
            ts: &mut [],
            row: &mut [],
            cells: &mut [],
            stride: 0,
            written: 0,
        };
        run(&mut self.feed, std::iter::once(event), &mut sink, true).map(|(_, name)| name)
    }

    /// The first `n` levels of the bids, best first: (price, size or None where not all of it is known, orders).
    fn bids(&self, n: usize) -> Vec<Level> {
        (0..n).map_while(|rank| self.feed.book.bid(rank)).map(level).collect()
    }

    /// The same of the asks.
    fn asks(&self, n: usize) -> Vec<Level> {
        (0..n).map_while(|rank| self.feed.book.ask(rank)).map(level).collect()
    }

    /// (side, price, size, size ahead, orders ahead, size of the level, submitted) of an order; None where it does not stand.
    fn queue(&self, id: i64) -> Option<Place> {
        let QueuePosition {
            side,
            price,
            size,
            ahead,
            orders_ahead,
            level,
            since,
        } = self.feed.book.queue(id as u64)?;
        Some((side, price, size, ahead, orders_ahead, level, since))
    }

    /// (name, events that had it, the first of them) of everything that may be wrong with an event.
    fn troubles(&self) -> Vec<(&'static str, u64, u64)> {
        let tally = self.feed.tally();
        let each = Trouble::ALL.iter().enumerate();
        each.map(|(i, trouble)| (trouble.name(), tally.counts[i], tally.first[i])).collect()
    }

    /// (number, name of the trouble) of the events refused since this was asked last, at most 65,536.
    fn refusals(&mut self) -> Vec<(u64, &'static str)> {
        let found = self.feed.refusals();
        found.into_iter().map(|(event, trouble)| (event, trouble.name())).collect()
    }

    /// Events so far.
    #[getter]
    fn events(&self) -> u64 {
        self.feed.events()
    }

    /// Orders that stand.
    #[getter]
    fn orders(&self) -> usize {
        self.feed.book.len()
    }

    /// The latest stamp so far, ns UTC.
    #[getter]
    fn now(&self) -> i64 {
        self.feed.now()
    }

    /// Everything it remembers: 64-bit words, little-endian.
    fn save<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes: Vec<u8> = self.feed.save().into_iter().flat_map(u64::to_le_bytes).collect();
        PyBytes::new(py, &bytes)
    }

    /// Continue from what `save` gave.
    fn restore(&mut self, py: Python<'_>, state: &[u8]) -> PyResult<()> {
        let (chunks, rest) = state.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(data_error(py, "saved book: it is cut short"));
        }
        let words: Vec<u64> = chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
        self.feed.restore(&words).map_err(|error| data_error(py, error.message()))
    }
}
