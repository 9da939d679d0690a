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
        pub const HOST_FUNCTIONS: &[HostFunction] = &[
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
    "write" (file buffer length) -> (count) "Writes length bytes from buffer to an open file; 1 is standard output, 2 standard error. count is the number of bytes written, or a negative error.";
    "read" (file buffer length) -> (count) "Reads up to length bytes into buffer; 0 is standard input. count is 0 at the end of the file, or a negative error.";
    "open" (path length flags) -> (file) "Opens the file with this path of length bytes, inside a directory granted with --dir. flags: 1 read, 2 write, 4 create, 8 truncate, 16 append, 32 create new. file is a number from 3 up, or a negative error.";
    "close" (file) -> (result) "Closes an open file. 0, or a negative error.";
    "seek" (file offset whence) -> (position) "Moves an open file's position: whence 0 from the start, 1 from the position, 2 from the end. The new position in bytes, or a negative error.";
    "size" (file) -> (bytes) "The size of an open file in bytes, or a negative error.";
    "remove" (path length) -> (result) "Removes the file with this path, inside a directory granted with --dir. 0, or a negative error.";
    "flush" (file) -> (result) "Hands buffered output to the system. 0, or a negative error.";
    "arg_count" () -> (count) "The number of the program's arguments, without its own name.";
    "arg" (index buffer capacity) -> (length) "Copies up to capacity bytes of an argument into buffer; argument 0 is the first behind the program's name. length is the argument's whole length in bytes, or a negative error.";
    "env" (name name_length buffer capacity) -> (length) "Copies up to capacity bytes of an environment variable's value into buffer. length is the value's whole length in bytes, or a negative error (not found).";
    "env_count" () -> (count) "The number of environment variables that the program can see.";
    "env_at" (index buffer capacity) -> (length) "Copies up to capacity bytes of the environment variable with this index, as NAME=value, into buffer. Its whole length in bytes, or a negative error.";
    "clock" () -> (nanoseconds) "A clock that only goes forward, in nanoseconds from an unspecified start.";
    "time" () -> (nanoseconds) "Wall-clock time in nanoseconds since 1970-01-01 00:00 UTC, signed.";
    "sleep" (nanoseconds) -> (result) "Waits. A time limit still applies. 0, or a negative error.";
    "random" (buffer length) -> (result) "Fills length bytes with random bytes from the operating system. 0, or a negative error.";
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
    NotPermitted = -1 "not-permitted" "The path is outside every granted directory, the grant is read-only, or the system refused.";
    NotFound = -2 "not-found" "There is no such file, argument or environment variable.";
    BadFile = -3 "bad-file" "The number is not an open file, or the file is not open for this.";
    Invalid = -4 "invalid" "An argument is out of range, or a path is not UTF-8 or holds a NUL.";
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
