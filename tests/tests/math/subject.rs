//! A function of `std/math` in a machine, applied to arrays.

use std::sync::Arc;

use cvm::host::Host;
use cvm::loader::{LinkOptions, Named, SearchPath, link_program};
use cvm::machine::{Exit, Limits, Machine};
use cvm::verify::verify;
use cvm_spec::image::{reader, writer};
use cvm_tests::assembly::{Detail, Program};

use crate::BATCH;

/// The machine.
pub(crate) struct Subject {
    machine: Machine,
    /// Pointer to the arguments, two cells a point.
    points: u64,
    /// Pointer to the results, a cell each.
    results: u64,
}

impl Subject {
    /// A machine for a function with one or two arguments and one result.
    pub(crate) fn new(name: &str, arguments: usize) -> Subject {
        let second = match arguments {
            2 => "i_read l:points\n i_read l:i\n push 16\n i_mul\n push 8\n i_add\n q_read\n",
            _ => "",
        };
        let text = format!(
            ".import \"std/math\" {name} ({arguments}) -> 1 as function\n\
             .export places\n.export apply\n\
             .bss\npoints: .reserve {}\nresults: .reserve {}\n\
             .func places () -> 2\n push b:points\n push b:results\n ret\n.end\n\
             .func apply (points, results, count)\n declare i\n.next:\n\
             i_read l:results\n i_read l:i\n push 8\n i_mul\n\
             i_read l:points\n i_read l:i\n push 16\n i_mul\n q_read\n{second}\
             call function\n q_write\n\
             i_read l:i\n push 1\n i_add\n i_write l:i\n\
             i_read l:i\n i_read l:count\n i_ult\n jnz .next\n ret\n.end\n",
            16 * BATCH,
            8 * BATCH,
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

    /// The results for at most a batch of points.
    pub(crate) fn run(&mut self, points: &[[f64; 2]]) -> Vec<f64> {
        let bytes: Vec<u8> = points
            .as_flattened()
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        let memory = self.machine.memory();
        memory
            .write(self.points, bytes.len() as u64)
            .expect("a batch fits")
            .copy_from_slice(&bytes);
        let count = points.len() as u64;
        let exit = self
            .machine
            .call("apply", &[self.points, self.results, count])
            .expect("it is exported");
        assert_eq!(exit, Exit::Returned(Vec::new()));
        let results = self.machine.memory().read(self.results, 8 * count);
        let results = results.expect("a batch fits").chunks_exact(8);
        results
            .map(|bytes| f64::from_le_bytes(bytes.try_into().expect("8 bytes")))
            .collect()
    }
}
