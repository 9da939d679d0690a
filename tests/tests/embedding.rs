//! Faults that need an embedding program: it interrupts, or its host function fails.

use std::sync::Arc;
use std::time::Duration;

use cvm::host::sys::{Capture, Sys, SysOptions};
use cvm::host::{Host, HostStop};
use cvm::machine::{Exit, Limits, Machine};
use cvm::verify::{Module, verify};
use cvm_spec::fault::FaultCode;
use cvm_tests::assembly::{Detail, Program};

fn module(text: &str) -> Arc<Module> {
    let program = Program::of_text("embedded.cvma", text.as_bytes().to_vec());
    let image = program.image(Detail::Debug).expect("the program assembles");
    Arc::new(verify(image).expect("the program is valid"))
}

fn fault_of(exit: Exit) -> Box<cvm::fault::Fault> {
    match exit {
        Exit::Fault(fault) => fault,
        other => panic!("expected a fault, found {other:?}"),
    }
}

#[test]
fn an_interrupt_ends_an_endless_loop() {
    let module = module(".entry main\n.func main ()\n.loop:\n jmp .loop\n.end\n");
    let limits = Limits::default();
    let mut machine = Machine::new(module, Host::new(), limits).expect("it needs nothing");
    let handle = machine.interrupt_handle();
    let exit = std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            handle.interrupt();
        });
        machine.run().expect("it has an entry")
    });
    let fault = fault_of(exit);
    assert_eq!(fault.code, FaultCode::Interrupted);
    assert_eq!(fault.exit_status(), 137);
}

#[test]
fn an_interrupt_ends_one_run() {
    let module = module(
        ".export count\n.func count (n) -> 1\n.next:\n i_read l:n\n push 1\n i_sub\n i_write l:n\n\
         i_read l:n\n jnz .next\n push 7\n ret\n.end\n",
    );
    let mut machine =
        Machine::new(module, Host::new(), Limits::default()).expect("it needs nothing");
    machine.interrupt_handle().interrupt();
    let exit = machine.call("count", &[9]).expect("it is exported");
    assert_eq!(fault_of(exit).code, FaultCode::Interrupted);
    let exit = machine.call("count", &[9]).expect("it is exported");
    assert_eq!(exit, Exit::Returned(vec![7]));
}

#[test]
fn an_error_of_a_host_function_is_a_fault_with_its_text() {
    let module = module(
        ".entry main\n.host plug.draw (x, y) -> 1\n.func main ()\n push 3\n push 4\n call plug.draw\n drop\n ret\n.end\n",
    );
    let mut host = Host::new();
    host.register("plug.draw", |x: u64, y: u64| -> Result<u64, HostStop> {
        Err(HostStop::Error(format!("no canvas for {x}, {y}")))
    });
    let mut machine = Machine::new(module, host, Limits::default()).expect("the import is there");
    let fault = fault_of(machine.run().expect("it has an entry"));
    assert_eq!(fault.code, FaultCode::HostFault);
    assert_eq!(fault.message.as_deref(), Some("no canvas for 3, 4"));
    assert_eq!(fault.exit_status(), 134);
}

#[test]
fn output_that_cannot_be_handed_on_at_the_end_is_no_success() {
    let module = module(
        ".entry main\n.host sys.write (3) -> 1\n.data\ntext: .ascii \"hello\"\n.text\n\
         .func main () -> 1\n push 1\n push d:text\n push 5\n call sys.write\n ret\n.end\n",
    );
    for (room, exit) in [
        (5, Exit::Returned(vec![5])),
        (
            4,
            Exit::OutputFailed("standard output: no-space".to_string()),
        ),
    ] {
        let output = Capture::new(room);
        let mut host = Host::new();
        let options = SysOptions::default().stdout(output.clone());
        host.add(Sys::new(options).expect("it opens no directories"));
        let mut machine = Machine::new(Arc::clone(&module), host, Limits::default())
            .expect("the import is there");
        assert_eq!(machine.run().expect("it has an entry"), exit);
        assert_eq!(output.text(), &"hello"[..room]);
    }
}

#[test]
fn after_a_panic_of_a_host_function_the_machine_can_go_on() {
    let module = module(
        ".host plug.odd (n) -> 1\n.export ask\n.func ask (n) -> 1\n declare area[100]\n push l:area\n drop\n\
         i_read l:n\n call plug.odd\n ret\n.end\n",
    );
    let mut host = Host::new();
    host.register("plug.odd", |n: u64| -> u64 {
        assert!(n % 2 == 1, "{n} is even");
        n
    });
    let limits = Limits {
        call_stack: 1 << 10,
        ..Limits::default()
    };
    let mut machine = Machine::new(module, host, limits).expect("the import is there");
    for n in 0..100 {
        let run = std::panic::AssertUnwindSafe(|| machine.call("ask", &[n]));
        match std::panic::catch_unwind(run) {
            Ok(exit) => assert_eq!(exit.expect("it is exported"), Exit::Returned(vec![n])),
            Err(panic) => {
                assert_eq!(n % 2, 0);
                let text = panic.downcast_ref::<String>().map(String::as_str);
                assert_eq!(text, Some(format!("{n} is even").as_str()));
            }
        }
    }
}

#[test]
fn a_module_runs_on_several_machines_at_once() {
    let module = module(
        ".export count\n.bss\ncell: .quad 0\n.text\n.func count (n) -> 1\n\
         .next:\n i_read b:cell\n push 1\n i_add\n i_write b:cell\n\
         i_read l:n\n push 1\n i_sub\n i_write l:n\n i_read l:n\n jnz .next\n i_read b:cell\n ret\n.end\n",
    );
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=8u64)
            .map(|n| {
                let module = Arc::clone(&module);
                scope.spawn(move || {
                    let mut machine = Machine::new(module, Host::new(), Limits::default())
                        .expect("it needs nothing");
                    machine.call("count", &[n * 1000]).expect("it is exported")
                })
            })
            .collect();
        for (n, worker) in (1..=8u64).zip(workers) {
            let exit = worker.join().expect("no worker panics");
            assert_eq!(exit, Exit::Returned(vec![n * 1000]));
        }
    });
}
