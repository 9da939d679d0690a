//! A function of `std/math` in a machine, applied to arrays.

use std::sync::Arc;

use cvm::host::Host;
use cvm::loader::{LinkOptions, Named, SearchPath, link_program};
use cvm::machine::{Engine, Exit, Limits, Machine};
use cvm::verify::verify;
use cvm_spec::image::{reader, writer};
use cvm_tests::assembly::{Detail, Program};

use crate::BATCH;

/// The machine.
pub(crate) struct Subject {
    machine: Machine,
    /// Pointer to the arguments, two cells a point.
    points: u64,
    /// Pointer to the results, two cells a point.
    results: u64,
}

impl Subject {
    /// A machine for a function with one or two arguments and one or two results.
    pub(crate) fn new(name: &str, arguments: usize, results: usize, engine: Engine) -> Subject {
        let if_two = |count: usize, text: &'static str| if count == 2 { text } else { "" };
        let text = format!(
            ".import \"std/math\" {name} ({arguments}) -> {results} as function\n\
             .export places\n.export apply\n\
             .bss\npoints: .reserve {size}\nresults: .reserve {size}\n\
             .func places () -> 2\n push b:points\n push b:results\n ret\n.end\n\
             .func apply (points, results, count)\n declare at\n declare first\n declare second\n\
             push 0\n i_write l:second\n\
             .next:\n i_read l:points\n i_read l:at\n q_read\n\
             {second_argument} call function\n {second_result} i_write l:first\n\
             i_read l:results\n i_read l:at\n i_read l:first\n q_write\n\
             i_read l:results\n i_read l:at\n push 8\n i_add\n i_read l:second\n q_write\n\
             i_read l:at\n push 16\n i_add\n i_write l:at\n\
             i_read l:at\n i_read l:count\n push 16\n i_mul\n i_ult\n jnz .next\n ret\n.end\n",
            size = 16 * BATCH,
            second_argument = if_two(
                arguments,
                "i_read l:points\n i_read l:at\n push 8\n i_add\n q_read\n"
            ),
            second_result = if_two(results, "i_write l:second\n"),
        );
        let program = Program::of_text("apply.cvma", text.into_bytes());
        let image = program.image(Detail::Plain).expect("the program assembles");
        let file = reader::read(&writer::write(&image)).expect("the image is sound");
        let program = Named::new("apply", "", file.image);
        let linked = link_program(
            program,
            Vec::new(),
            &SearchPath::standard(),
            LinkOptions::default(),
        );
        let image = linked.expect("the module is found").image;
        let module = Arc::new(verify(image).expect("the program is valid"));
        let mut machine =
            Machine::new(module, Host::new(), Limits::default()).expect("it needs nothing");
        machine.set_engine(engine);
        let places = machine.call("places", &[]).expect("it is exported");
        let Exit::Returned(places) = places else {
            panic!("{places:?}")
        };
        Subject {
            machine,
            points: places[0],
            results: places[1],
        }
    }

    /// The results for at most a batch of points: cells.
    pub(crate) fn run(&mut self, points: &[[u64; 2]]) -> Vec<[u64; 2]> {
        let cells = points.as_flattened().iter();
        let bytes: Vec<u8> = cells.flat_map(|cell| cell.to_le_bytes()).collect();
        let memory = self.machine.memory();
        memory
            .write(self.points, bytes.len() as u64)
            .expect("a batch fits")
            .copy_from_slice(&bytes);
        let exit = self
            .machine
            .call("apply", &[self.points, self.results, points.len() as u64])
            .expect("it is exported");
        assert_eq!(exit, Exit::Returned(Vec::new()));
        let results = self.machine.memory().read(self.results, bytes.len() as u64);
        let (results, _) = results.expect("a batch fits").as_chunks::<8>();
        let (results, _) = results.as_chunks::<2>();
        results
            .iter()
            .map(|[first, second]| [u64::from_le_bytes(*first), u64::from_le_bytes(*second)])
            .collect()
    }

    /// The first results for at most a batch of points.
    pub(crate) fn run_floats(&mut self, points: &[[f64; 2]]) -> Vec<f64> {
        let points: Vec<[u64; 2]> = points.iter().map(|point| point.map(f64::to_bits)).collect();
        let results = self.run(&points);
        results
            .iter()
            .map(|[first, _]| f64::from_bits(*first))
            .collect()
    }
}
