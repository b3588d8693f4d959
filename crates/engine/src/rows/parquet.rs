//! A Parquet file of one row group: columns of whole numbers without gaps, each one page of `DELTA_BINARY_PACKED`, with its CRC.
//!
//! <https://github.com/apache/parquet-format>: thrift's compact protocol, as far as such a file needs it.

use super::delta::{read_varint, unzigzag, varint, zigzag};

const MAGIC: &[u8] = b"PAR1";
const I32: u8 = 5;
const I64: u8 = 6;
const TEXT: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;
const END: u8 = 0;
const INT32: i64 = 1;
const INT64: i64 = 2;
const RLE: i64 = 3;
const DELTA: i64 = 5;
const UNCOMPRESSED: i64 = 0;
const ZSTD: i64 = 6;

/// One column: its numbers as `packed` made them, compressed or not.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    pub name: &'a str,
    /// Numbers of 64 bits, not of 32.
    pub wide: bool,
    pub zstd: bool,
    /// Bytes before they were compressed.
    pub length: usize,
    pub bytes: &'a [u8],
}

/// The bytes of a file of `rows` rows, with one text in its metadata, which is the last there.
#[must_use]
pub fn file(rows: usize, pages: &[Page<'_>], key: &str, text: &str) -> Vec<u8> {
    let rows = rows as i64;
    let mut out = Vec::with_capacity(pages.iter().map(|page| page.bytes.len() + 256).sum::<usize>() + text.len() + 128);
    out.extend_from_slice(MAGIC);
    let mut places = Vec::with_capacity(pages.len());
    for page in pages {
        let start = out.len();
        header(&mut out, page, rows);
        let before = out.len() - start;
        out.extend_from_slice(page.bytes);
        places.push((start as i64, (before + page.length) as i64, (out.len() - start) as i64));
    }
    let footer = out.len();
    number(&mut out, 1, I32, 2);
    schema(&mut out, pages);
    number(&mut out, 1, I64, rows);
    list(&mut out, 1, STRUCT, usize::from(!pages.is_empty()));
    if !pages.is_empty() {
        list(&mut out, 1, STRUCT, pages.len());
        for (page, place) in pages.iter().zip(&places) {
            chunk(&mut out, page, *place, rows);
        }
        number(&mut out, 1, I64, places.iter().map(|place| place.1).sum());
        number(&mut out, 1, I64, rows);
        out.push(END);
    }
    list(&mut out, 1, STRUCT, 1);
    field(&mut out, 1, TEXT);
    string(&mut out, key);
    field(&mut out, 1, TEXT);
    string(&mut out, text);
    out.extend([END, END]);
    let length = (out.len() - footer) as u32;
    out.extend(length.to_le_bytes());
    out.extend_from_slice(MAGIC);
    out
}

/// Where the bytes of each of the first `count` pages begin and end; None where the file is not one of `file`'s.
#[must_use]
pub fn places(content: &[u8], count: usize) -> Option<Vec<(usize, usize)>> {
    let mut rest = content.strip_prefix(MAGIC)?;
    let mut found = Vec::with_capacity(count);
    for _ in 0..count {
        let mut facts = [0_i64; 9];
        for fact in &mut facts {
            let (mark, after) = rest.split_first()?;
            rest = after;
            if *mark & 15 != STRUCT {
                *fact = unzigzag(read_varint(&mut rest)?);
            }
        }
        rest = rest.strip_prefix(&[END, END][..])?;
        let start = content.len() - rest.len();
        let end = start.checked_add(usize::try_from(facts[2]).ok()?)?;
        rest = content.get(end..)?;
        found.push((start, end));
    }
    Some(found)
}

fn header(out: &mut Vec<u8>, page: &Page<'_>, rows: i64) {
    number(out, 1, I32, 0);
    number(out, 1, I32, page.length as i64);
    number(out, 1, I32, page.bytes.len() as i64);
    number(out, 1, I32, i64::from(crc32fast::hash(page.bytes) as i32));
    field(out, 1, STRUCT);
    number(out, 1, I32, rows);
    number(out, 1, I32, DELTA);
    number(out, 1, I32, RLE);
    number(out, 1, I32, RLE);
    out.extend([END, END]);
}

fn schema(out: &mut Vec<u8>, pages: &[Page<'_>]) {
    list(out, 1, STRUCT, pages.len() + 1);
    field(out, 4, TEXT);
    string(out, "schema");
    number(out, 1, I32, pages.len() as i64);
    out.push(END);
    for page in pages {
        number(out, 1, I32, physical(page));
        number(out, 2, I32, 0);
        field(out, 1, TEXT);
        string(out, page.name);
        out.push(END);
    }
}

fn chunk(out: &mut Vec<u8>, page: &Page<'_>, (start, full, kept): (i64, i64, i64), rows: i64) {
    number(out, 2, I64, start);
    field(out, 1, STRUCT);
    number(out, 1, I32, physical(page));
    list(out, 1, I32, 1);
    varint(out, zigzag(DELTA));
    list(out, 1, TEXT, 1);
    string(out, page.name);
    number(out, 1, I32, if page.zstd { ZSTD } else { UNCOMPRESSED });
    number(out, 1, I64, rows);
    number(out, 1, I64, full);
    number(out, 1, I64, kept);
    number(out, 2, I64, start);
    out.extend([END, END]);
}

fn physical(page: &Page<'_>) -> i64 {
    if page.wide { INT64 } else { INT32 }
}

fn field(out: &mut Vec<u8>, further: u8, kind: u8) {
    out.push(further << 4 | kind);
}

fn number(out: &mut Vec<u8>, further: u8, kind: u8, value: i64) {
    field(out, further, kind);
    varint(out, zigzag(value));
}

fn string(out: &mut Vec<u8>, text: &str) {
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn list(out: &mut Vec<u8>, further: u8, kind: u8, length: usize) {
    field(out, further, LIST);
    if length < 15 {
        out.push((length as u8) << 4 | kind);
    } else {
        out.push(15 << 4 | kind);
        varint(out, length as u64);
    }
}
