//! A network run by ONNX Runtime on one thread, into memory that is laid out once.

use std::path::Path;
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::session::{IoBinding, Session};
use ort::value::Tensor;

use super::forecaster::NetworkSpec;
use super::manifest::BundleFault;

/// ONNX Runtime has one environment per process.
static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();

fn environment(library: &Path) -> Result<&'static Environment, String> {
    if let Some(known) = ENVIRONMENT.get() {
        return Ok(known);
    }
    let builder = ort::init_from(library).map_err(|error| error.to_string())?;
    let made = builder
        .with_name("tickcast")
        .with_telemetry(false)
        .build()
        .map_err(|error| error.to_string())?;
    Ok(ENVIRONMENT.get_or_init(|| made))
}

/// Memory of one symbol: input, law, and two copies of the state of which one is read while the other is written.
pub(super) struct Carrier {
    pub x: Tensor<f32>,
    law: Tensor<f32>,
    states: [Vec<Tensor<f32>>; 2],
    bindings: [IoBinding; 2],
    turn: usize,
}

// SAFETY: the tensors lie in ordinary memory that ONNX Runtime allocated, its API may be called from any thread, and no handle to them
// leaves this struct: whoever owns the carrier owns every one. Shared references only read the memory.
unsafe impl Send for Carrier {}
unsafe impl Sync for Carrier {}

/// The session that all symbols share.
pub(super) struct Network {
    session: Session,
    spec: NetworkSpec,
    x: Vec<i64>,
    law: Vec<i64>,
}

impl Network {
    pub fn open(library: &Path, model: &[u8], spec: NetworkSpec, columns: usize, law: [usize; 2]) -> Result<Self, BundleFault> {
        let bad = |message: String| BundleFault::new(spec.file.clone(), message, "Write the bundle with this version of tickcast");
        let environment =
            environment(library).map_err(|m| BundleFault::new(library.display().to_string(), m, "Install onnxruntime again"))?;
        let session = (|| {
            let builder = Session::builder(environment).map_err(|e| e.to_string())?;
            let builder = builder.with_intra_threads(1).map_err(|e| e.to_string())?;
            let mut builder = builder.with_intra_op_spinning(false).map_err(|e| e.to_string())?;
            builder.commit_from_memory(model).map_err(|e| e.to_string())
        })();
        let session = session.map_err(bad)?;
        let columns = columns as i64;
        let x = if spec.kind == "window" {
            vec![1, spec.window as i64, columns]
        } else {
            vec![1, columns]
        };
        let mut made = Self {
            session,
            x,
            law: vec![1, law[0] as i64, law[1] as i64],
            spec,
        };
        made.carrier()
            .and_then(|mut carrier| made.run(&mut carrier, &mut vec![0.0; law[0] * law[1]]))
            .map_err(|m| BundleFault::new(made.spec.file.clone(), m, "Write the bundle with this version of tickcast"))?;
        Ok(made)
    }

    /// Fresh memory with a state of zeros.
    pub fn carrier(&self) -> Result<Carrier, String> {
        let text = |error: ort::Error| error.to_string();
        let zeros = |shape: &[i64]| -> Result<Tensor<f32>, String> {
            let mut tensor = Tensor::<f32>::new(self.session.allocator(), shape.to_vec()).map_err(text)?;
            tensor.extract_tensor_mut().1.fill(0.0);
            Ok(tensor)
        };
        let states = || -> Result<Vec<Tensor<f32>>, String> {
            self.spec
                .state
                .iter()
                .map(|(_, shape)| zeros(&[&[1], shape.as_slice()].concat()))
                .collect()
        };
        let (x, mut law, mut states) = (zeros(&self.x)?, zeros(&self.law)?, [states()?, states()?]);
        let mut bind = |turn: usize| -> Result<IoBinding, String> {
            let mut binding = self.session.create_binding().map_err(text)?;
            binding.bind_input("x", &x).map_err(text)?;
            binding.bind_output("law", &mut law).map_err(text)?;
            for (i, (name, _)) in self.spec.state.iter().enumerate() {
                binding.bind_input(name.as_str(), &states[turn][i]).map_err(text)?;
                binding
                    .bind_output(format!("{name}_next"), &mut states[1 - turn][i])
                    .map_err(text)?;
            }
            Ok(binding)
        };
        let bindings = [bind(0)?, bind(1)?];
        Ok(Carrier {
            x,
            law,
            states,
            bindings,
            turn: 0,
        })
    }

    /// Runs on `carrier.x`; the state moves on only when it succeeds.
    pub fn run(&mut self, carrier: &mut Carrier, out: &mut [f64]) -> Result<(), String> {
        self.session
            .run_binding(&carrier.bindings[carrier.turn])
            .map_err(|error| error.to_string())?;
        let (_, law) = carrier.law.extract_tensor();
        if law.len() != out.len() {
            return Err(format!("the network gives {} numbers where {} belong", law.len(), out.len()));
        }
        out.iter_mut().zip(law).for_each(|(to, from)| *to = f64::from(*from));
        if !self.spec.state.is_empty() {
            carrier.turn = 1 - carrier.turn;
        }
        Ok(())
    }
}

impl Carrier {
    /// Back to a state of zeros.
    pub fn clear(&mut self) {
        for tensor in self.states.iter_mut().flatten() {
            tensor.extract_tensor_mut().1.fill(0.0);
        }
        self.turn = 0;
    }

    /// Bits of the present state.
    pub fn save(&self) -> Vec<Vec<u32>> {
        self.states[self.turn]
            .iter()
            .map(|t| t.extract_tensor().1.iter().map(|x| x.to_bits()).collect())
            .collect()
    }

    /// Takes what `save` gave. False when it does not fit.
    pub fn restore(&mut self, saved: &[Vec<u32>]) -> bool {
        let turn = self.turn;
        if saved.len() != self.states[turn].len() {
            return false;
        }
        self.states[turn].iter_mut().zip(saved).all(|(tensor, bits)| {
            let (_, values) = tensor.extract_tensor_mut();
            let fits = values.len() == bits.len();
            values.iter_mut().zip(bits).for_each(|(to, from)| *to = f32::from_bits(*from));
            fits
        })
    }
}
