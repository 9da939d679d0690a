//! Host functions: the machine's own imports, `.host sys.…` (`spec/host.md`).
//!
//! One table of names, arities and meaning, and one of the error codes that they return as negative cells.

/// A row of the table of host functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostFunction {
    /// The name behind `sys.`.
    pub name: &'static str,
    /// Names of the arguments, a cell each.
    pub args: &'static [&'static str],
    /// Names of the results, a cell each.
    pub results: &'static [&'static str],
    /// What it does.
    pub doc: &'static str,
}

macro_rules! host_functions {
    ($($name:literal ($($arg:ident)*) -> ($($result:ident)*) $doc:literal;)*) => {
        /// All host functions in the namespace `sys`.
        pub static HOST_FUNCTIONS: &[HostFunction] = &[
            $(HostFunction {
                name: $name,
                args: &[$(stringify!($arg)),*],
                results: &[$(stringify!($result)),*],
                doc: $doc,
            },)*
        ];
    };
}

host_functions! {
    "exit" (status) -> () "Ends the program with the low 8 bits of status as exit status. Does not return.";
    "write" (file buffer length) -> (count) "Writes length bytes from buffer to an open file; 1 is standard output, 2 standard error. Standard output is buffered: it reaches the system when 64 KiB are there (a line, on a terminal), when the program waits for input or sleeps, and when it ends, however it ends. count is the number of bytes written, less than length only if an error cut the write short, or a negative error. A closed pipe behind standard output or standard error ends the program quietly.";
    "read" (file buffer length) -> (count) "Reads what is there, up to length bytes, into buffer; 0 is standard input. Of standard input, a pipe or a terminal the call waits for at least one byte; a time limit ends the wait and the program. count is 0 at the end of the file, or a negative error.";
    "open" (path length flags) -> (file) "Opens the file with this path of length bytes (UTF-8, at most 4096), inside a directory granted with --dir: the path begins with the directory's name in the program, and neither `..` nor a symbolic link leads out of it. flags: 1 read, 2 write, 4 create, 8 truncate, 16 append, 32 create new. At least one of read, write and append is needed, for create, truncate and create new one of write and append; truncate and append exclude each other. file is the lowest free number from 3 up (at most 64 files are open at once), or a negative error.";
    "close" (file) -> (result) "Closes an open file; the standard streams stay open (not-supported). 0, or a negative error.";
    "seek" (file offset whence) -> (position) "Moves an open file's position: whence 0 from the start, 1 from the position, 2 from the end; offset is signed. The standard streams are not seekable. The new position in bytes, or a negative error.";
    "size" (file) -> (bytes) "The size of an open file in bytes, or a negative error (not-seekable for what is no regular file).";
    "remove" (path length) -> (result) "Removes the file with this path, inside a directory granted with --dir. 0, or a negative error.";
    "flush" (file) -> (result) "Hands buffered output to the system, of standard output or another file that is open for writing. 0, or a negative error.";
    "arg_count" () -> (count) "The number of the program's arguments, without its own name.";
    "arg" (index buffer capacity) -> (length) "Copies up to capacity bytes of an argument into buffer; argument 0 is the first behind the program's name. The whole capacity must be writable. length is the argument's whole length in bytes, or a negative error.";
    "env" (name name_length buffer capacity) -> (length) "Copies up to capacity bytes of an environment variable's value into buffer. The program sees the variables granted with --env or --env-all. length is the value's whole length in bytes, or a negative error (not-found).";
    "env_count" () -> (count) "The number of environment variables that the program can see.";
    "env_at" (index buffer capacity) -> (length) "Copies up to capacity bytes of the environment variable with this index, as NAME=value, into buffer. Its whole length in bytes, or a negative error.";
    "clock" () -> (nanoseconds) "A clock that only goes forward, in nanoseconds from an unspecified start.";
    "time" () -> (nanoseconds) "Wall-clock time in nanoseconds since 1970-01-01 00:00 UTC, signed.";
    "sleep" (nanoseconds) -> (result) "Waits, after handing buffered output to the system. A time limit ends the wait and the program. 0, or invalid if nanoseconds is negative.";
    "errno" () -> (code) "The value of C's `errno` right after the last foreign call, which began with 0; so it is not 0 only if that call set it. 0 before the first one.";
    "random" (buffer length) -> (result) "Fills length bytes with random bytes from the operating system. 0, or a negative error.";
    "symbol" (module module_length name name_length) -> (address) "Looks up what a module of the program exports: the address of a function, for `call_i`, or of an object. The empty module name means the program itself. A program that imports this function keeps the exports of all its modules. A pointer, or a negative error (not-found).";
}

/// The host function of a name (`sys.write` or `write`).
pub fn host_function(name: &str) -> Option<&'static HostFunction> {
    let name = name.strip_prefix("sys.").unwrap_or(name);
    HOST_FUNCTIONS.iter().find(|function| function.name == name)
}

macro_rules! host_errors {
    ($($name:ident = $number:literal $word:literal $doc:literal;)*) => {
        /// An error that a host function returns as a negative cell.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i64)]
        pub enum HostError { $(#[doc = $doc] $name = $number,)* }

        impl HostError {
            /// All errors.
            pub const ALL: &'static [HostError] = &[$(HostError::$name),*];
            /// A short name.
            pub const fn name(self) -> &'static str { match self { $(Self::$name => $word),* } }
            /// What it means.
            pub const fn doc(self) -> &'static str { match self { $(Self::$name => $doc),* } }
        }
    };
}

host_errors! {
    NotPermitted = -1 "not-permitted" "The path is outside every granted directory or leads out of one, the grant is read-only, or the system refused.";
    NotFound = -2 "not-found" "There is no such file (or its path is empty), argument, environment variable, module or symbol.";
    BadFile = -3 "bad-file" "The number is not an open file, or the file is not open for this.";
    Invalid = -4 "invalid" "An argument is out of range or flags contradict each other, or a path is too long, not UTF-8 or holds a NUL.";
    Exists = -5 "exists" "The file exists already.";
    IsDirectory = -6 "is-directory" "The path names a directory.";
    NotDirectory = -7 "not-directory" "A part of the path is not a directory.";
    NoSpace = -8 "no-space" "No space is left.";
    BrokenPipe = -9 "broken-pipe" "The reader of the pipe is gone.";
    TooManyFiles = -10 "too-many-files" "The program has too many open files.";
    NotSeekable = -11 "not-seekable" "The file has no position (a pipe or a terminal).";
    NotSupported = -12 "not-supported" "The machine does not offer this here.";
    Other = -13 "other" "Another error of the operating system.";
}

impl HostError {
    /// The cell that the host function returns.
    pub const fn cell(self) -> u64 {
        self as i64 as u64
    }
}
