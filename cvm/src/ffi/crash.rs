//! A crash inside C: SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT while a foreign function runs.
//!
//! The process cannot go on: C's state is unknown. But the machine knows which function was called with what, and from
//! where, so the program `cvm` ends with a report. The reporter runs in a signal handler, on its own stack. It allocates
//! nothing, takes no lock, and reads only what does not change while C runs. A library leaves such signals alone unless
//! its program asks for reports.

#![allow(unsafe_code)]

use std::fmt::{self, Write};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, Ordering};

use cvm_spec::fault::FaultCode;
use cvm_spec::image::{Image, SymbolKind};
use libc::{c_int, c_void, siginfo_t};

use super::callback::this_thread;
use super::signal::{self, Previous};
use super::{Active, Foreign, call::inside};

/// Signals besides those that [`signal`] looks at.
const SIGNALS: [c_int; 3] = [libc::SIGABRT, libc::SIGFPE, libc::SIGILL];
/// Most frames that are listed.
const FRAMES_MAX: u32 = 64;
/// Most arguments that are listed.
const ARGUMENTS_MAX: usize = 8;

static PREVIOUS: [Previous; 3] = [const { Previous::new() }; 3];
/// The machine that is running, if crashes are reported.
static CURRENT: AtomicPtr<Foreign> = AtomicPtr::new(ptr::null_mut());
/// 0 no reports, 1 text, 2 JSON.
static FORMAT: AtomicU8 = AtomicU8::new(0);
/// A report has begun; a crash in it ends the process without another.
static REPORTING: AtomicBool = AtomicBool::new(false);

/// How a crash inside C is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CrashFormat {
    /// As text.
    Text = 1,
    /// As one line of JSON.
    Json = 2,
}

/// Makes crashes inside foreign functions end the process with a report on standard error and exit status 134.
///
/// This is for programs whose only purpose is to run one machine, such as `cvm`: it changes how the whole process reacts
/// to signals. When several machines run, the one that began its run last is known.
pub fn report_crashes(format: CrashFormat) {
    static ONCE: Once = Once::new();
    FORMAT.store(format as u8, Ordering::Relaxed);
    ONCE.call_once(|| {
        for (signal, previous) in SIGNALS.into_iter().zip(&PREVIOUS) {
            // SAFETY: this runs once, each signal has its own place, and the handler does what a handler may.
            unsafe { signal::install(signal, on_crash, previous, signal::ON_STACK) };
        }
    });
}

/// A run with foreign access begins.
pub(super) fn begin(foreign: &Foreign) {
    if FORMAT.load(Ordering::Relaxed) != 0 {
        CURRENT.store(ptr::from_ref(foreign).cast_mut(), Ordering::Release);
    }
}

/// It is over.
pub(super) fn end(foreign: &Foreign) {
    let this = ptr::from_ref(foreign).cast_mut();
    let _ = CURRENT.compare_exchange(this, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed);
}

unsafe extern "C" fn on_crash(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the arguments are those of this handler, and each signal's previous action was kept when it was installed.
    unsafe {
        on_signal(signal, info, context);
        if let Some(number) = SIGNALS.iter().position(|known| *known == signal) {
            signal::pass_on(&PREVIOUS[number], signal, info, context);
        }
    }
}

/// Reports and ends the process, if the signal was raised by a foreign function of the machine that runs on this thread.
///
/// # Safety
/// Called in a signal handler with its arguments.
pub(super) unsafe fn on_signal(signal: c_int, info: *const siginfo_t, context: *const c_void) {
    let foreign = CURRENT.load(Ordering::Acquire);
    if foreign.is_null() {
        return;
    }
    // SAFETY: a run that is going on keeps its `Foreign`, and C has not returned to it. Only what does not change while
    // C runs is read.
    unsafe {
        let foreign = &*foreign;
        let is_here = foreign.thread.load(Ordering::Relaxed) == this_thread();
        if !is_here {
            return;
        }
        let inside = foreign.inside.get();
        let active = match inside {
            inside::NONE => active(foreign, context),
            _ => None,
        };
        if inside == inside::NONE && active.is_none() {
            return;
        }
        if REPORTING.swap(true, Ordering::AcqRel) {
            libc::_exit(FaultCode::ForeignCrash.class().exit_status().into());
        }
        let report = Report {
            foreign,
            inside: active.map_or(inside, |active| active.import),
            active,
            signal,
            address: matches!(signal, libc::SIGSEGV | libc::SIGBUS)
                .then(|| (*info).si_addr() as u64),
        };
        let mut out = Output::new();
        // Writing into a fixed buffer cannot fail.
        let _ = match FORMAT.load(Ordering::Relaxed) {
            2 => report.json(&mut out),
            _ => report.text(&mut out),
        };
        out.flush();
        libc::_exit(FaultCode::ForeignCrash.class().exit_status().into());
    }
}

/// The function that compiled code called by itself and that raised the signal.
///
/// # Safety
/// As for [`on_signal`], on the machine's thread.
unsafe fn active(foreign: &Foreign, context: *const c_void) -> Option<Active> {
    let engine = foreign.engine.get()?;
    // SAFETY: with SA_SIGINFO the third argument is the interrupted thread's ucontext_t; the engine is running.
    unsafe {
        let registers = &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let register = |name: c_int| registers[name as usize] as u64;
        (engine.active)(
            engine.data,
            register(libc::REG_RIP),
            register(libc::REG_RSP),
        )
    }
}

/// Standard error through a fixed buffer.
struct Output {
    bytes: [u8; 1024],
    length: usize,
}

impl Output {
    fn new() -> Output {
        Output {
            bytes: [0; 1024],
            length: 0,
        }
    }

    fn flush(&mut self) {
        let mut at = 0;
        while at < self.length {
            let rest = &self.bytes[at..self.length];
            // SAFETY: the buffer is valid for as many bytes.
            let written = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => at += written,
                _ => break,
            }
        }
        self.length = 0;
    }
}

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.length == self.bytes.len() {
                self.flush();
            }
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// Text of an image, with nothing that a terminal or JSON acts on.
struct Clean<'a>(&'a str);

impl fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .map(|c| match c {
                '"' | '\\' => '\'',
                c if c.is_control() => '?',
                c => c,
            })
            .try_for_each(|c| f.write_char(c))
    }
}

fn signal_name(signal: c_int) -> &'static str {
    match signal {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        _ => "SIGABRT",
    }
}

struct Report<'a> {
    foreign: &'a Foreign,
    /// The function, as [`Foreign::inside`] has it.
    inside: u32,
    active: Option<Active>,
    signal: c_int,
    address: Option<u64>,
}

/// A frame: function, distance from its start, and source place.
struct Place<'a> {
    function: &'a str,
    distance: u32,
    source: Option<(&'a str, u32, u16)>,
}

fn place(image: &Image, ip: u32) -> Place<'_> {
    let function = image.function_at(ip);
    let name = function.and_then(|function| {
        let is_it = |symbol: &&cvm_spec::image::Symbol| {
            symbol.kind == SymbolKind::Function && symbol.value == function
        };
        image.string(image.symbols.iter().find(is_it)?.name)
    });
    let start = function.map_or(0, |function| image.functions[function as usize].start);
    let source = image.line_at(ip).and_then(|line| {
        let file = image.string(*image.sources.get(usize::from(line.source))?)?;
        Some((file, line.line, line.column))
    });
    Place {
        function: name.unwrap_or("?"),
        distance: ip.saturating_sub(start),
        source,
    }
}

impl Report<'_> {
    fn image(&self) -> &Image {
        self.foreign.module.image()
    }

    /// Calls back with the first arguments, as far as they are known.
    fn arguments(&self, act: &mut dyn FnMut(u64)) {
        let count = self.foreign.argument_count(self.inside).min(ARGUMENTS_MAX);
        if let Some(active) = &self.active {
            return self.foreign.registers(active, count, act);
        }
        let cells = self.foreign.cells.get();
        if cells.is_null() {
            return;
        }
        // SAFETY: the call that is going on has these argument cells; results are written to them when it is over.
        unsafe { std::slice::from_raw_parts(cells, count) }
            .iter()
            .for_each(|cell| act(*cell));
    }

    /// Calls back with every text offset, innermost first.
    fn frames(&self, act: &mut dyn FnMut(u32)) {
        if let Some(engine) = self.foreign.engine.get() {
            // SAFETY: the engine called C and waits for it.
            unsafe { (engine.frames)(engine.data, act) };
        }
    }

    fn text(&self, out: &mut Output) -> fmt::Result {
        let code = FaultCode::ForeignCrash;
        writeln!(out, "fault: {} [{}]", code.title(), code.code())?;
        let mut first = None;
        self.frames(&mut |ip| {
            first.get_or_insert(ip);
        });
        if let Some(ip) = first {
            let place = place(self.image(), ip);
            if let Some((file, line, column)) = place.source {
                writeln!(
                    out,
                    " --> {}:{line}:{column} in `{}`",
                    Clean(file),
                    Clean(place.function)
                )?;
            }
        }
        write!(out, "  signal       {}", signal_name(self.signal))?;
        if let Some(address) = self.address {
            write!(out, ", at address {address:#x}")?;
        }
        let (name, library) = self.foreign.name_of(self.inside);
        write!(out, "\n  function     {}", Clean(name))?;
        if !library.is_empty() {
            write!(out, " of {}", Clean(library))?;
        }
        out.write_str("\n  arguments    ")?;
        let (mut comma, mut result) = ("", Ok(()));
        self.arguments(&mut |cell| {
            if result.is_ok() {
                result = write!(out, "{comma}{cell:#x}");
            }
            comma = ", ";
        });
        result?;
        out.write_str("\n  backtrace    ")?;
        let mut result = writeln!(out, "C  {} in {}", Clean(name), Clean(library));
        let mut depth = 0;
        self.frames(&mut |ip| {
            if result.is_ok() && depth < FRAMES_MAX {
                result = self.text_frame(out, depth, ip);
            }
            depth += u32::from(ip != u32::MAX);
        });
        result?;
        writeln!(out, "  hint         {}", code.hint())
    }

    fn text_frame(&self, out: &mut Output, depth: u32, ip: u32) -> fmt::Result {
        if ip == u32::MAX {
            return writeln!(out, "               C");
        }
        let place = place(self.image(), ip);
        write!(
            out,
            "               {depth}  {}+{:#x}",
            Clean(place.function),
            place.distance
        )?;
        match place.source {
            Some((file, line, column)) => writeln!(out, "  {}:{line}:{column}", Clean(file)),
            None => out.write_str("\n"),
        }
    }

    fn json(&self, out: &mut Output) -> fmt::Result {
        let code = FaultCode::ForeignCrash;
        write!(
            out,
            "{{\"version\":1,\"type\":\"fault\",\"code\":\"{}\",\"class\":\"{}\",\"title\":\"{}\",\"hint\":\"{}\",\"exit_status\":{}",
            code.code(),
            code.class().name(),
            code.title(),
            Clean(code.hint()),
            code.class().exit_status()
        )?;
        write!(
            out,
            ",\"signal\":\"{}\",\"address\":",
            signal_name(self.signal)
        )?;
        match self.address {
            Some(address) => write!(out, "\"{address}\"")?,
            None => out.write_str("null")?,
        }
        let (name, library) = self.foreign.name_of(self.inside);
        write!(
            out,
            ",\"foreign\":{{\"symbol\":\"{}\",\"library\":\"{}\"}},\"arguments\":[",
            Clean(name),
            Clean(library)
        )?;
        let (mut comma, mut result) = ("", Ok(()));
        self.arguments(&mut |cell| {
            if result.is_ok() {
                result = write!(out, "{comma}\"{cell}\"");
            }
            comma = ",";
        });
        result?;
        out.write_str("],\"backtrace\":[")?;
        let (mut depth, mut result) = (0, Ok(()));
        self.frames(&mut |ip| {
            if result.is_ok() && depth < FRAMES_MAX && ip != u32::MAX {
                result = self.json_frame(out, depth, ip);
            }
            depth += u32::from(ip != u32::MAX);
        });
        result?;
        out.write_str("]}\n")
    }

    fn json_frame(&self, out: &mut Output, depth: u32, ip: u32) -> fmt::Result {
        let place = place(self.image(), ip);
        let comma = if depth == 0 { "" } else { "," };
        write!(
            out,
            "{comma}{{\"depth\":\"{depth}\",\"offset\":{ip},\"function\":\"{}\",\"source\":",
            Clean(place.function)
        )?;
        match place.source {
            Some((file, line, column)) => write!(
                out,
                "{{\"file\":\"{}\",\"line\":{line},\"column\":{column}}}}}",
                Clean(file)
            ),
            None => out.write_str("null}"),
        }
    }
}
