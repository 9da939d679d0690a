//! What a machine may do in C.

use std::path::PathBuf;

use cvm_symbols::Name;

/// Permission to call C functions and to use memory that C owns, for one machine. It is given to a
/// [`Host`](crate::host::Host), and nothing else grants any of it: no environment variable, no file, nothing in an image.
///
/// ```
/// use cvm::ffi::ForeignGrant;
/// use cvm::host::Host;
///
/// let mut host = Host::new();
/// host.allow_foreign(ForeignGrant::libraries(["libm.so.6"]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ForeignGrant {
    libraries: Option<Vec<String>>,
    search: Vec<PathBuf>,
    is_checked: bool,
}

impl ForeignGrant {
    /// All libraries.
    pub fn all() -> ForeignGrant {
        ForeignGrant::default()
    }

    /// These libraries, by the names that the program gives them. Memory that C owns is usable with any of them.
    pub fn libraries<T: Into<String>>(names: impl IntoIterator<Item = T>) -> ForeignGrant {
        ForeignGrant {
            libraries: Some(names.into_iter().map(Into::into).collect()),
            ..ForeignGrant::default()
        }
    }

    /// Looks for libraries in these directories before those of the system.
    #[must_use]
    pub fn search_in(mut self, directories: impl IntoIterator<Item = PathBuf>) -> ForeignGrant {
        self.search.extend(directories);
        self
    }

    /// Records what C functions allocate and free, and makes wrong uses of it faults (`spec/ffi.md`, "Checked memory").
    #[must_use]
    pub fn checked(mut self) -> ForeignGrant {
        self.is_checked = true;
        self
    }

    /// Whether a program may use a library by this name.
    pub fn allows(&self, library: &str) -> bool {
        match &self.libraries {
            None => true,
            Some(names) => names.iter().any(|name| is_same(name, library)),
        }
    }

    pub(crate) fn is_unlimited(&self) -> bool {
        self.libraries.is_none()
    }

    pub(crate) fn is_checked(&self) -> bool {
        self.is_checked
    }

    pub(crate) fn directories(&self) -> &[PathBuf] {
        &self.search
    }
}

/// Whether two names are the same library's: `-lm` and `-l m` are.
fn is_same(one: &str, other: &str) -> bool {
    match (Name::of(one), Name::of(other)) {
        (Name::Linker(one), Name::Linker(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::ForeignGrant;

    #[test]
    fn a_list_allows_what_it_names_and_nothing_else() {
        let grant = ForeignGrant::libraries(["libm.so.6", "-lz"]);
        assert!(grant.allows("libm.so.6"));
        assert!(grant.allows("-l z"));
        for other in [
            "libm.so",
            "libm.so.60",
            "/tmp/libm.so.6",
            "libc.so.6",
            "-lm",
            "",
        ] {
            assert!(!grant.allows(other), "{other}");
        }
        assert!(!ForeignGrant::libraries([""; 0]).allows("libc.so.6"));
        assert!(ForeignGrant::all().allows("libc.so.6"));
    }
}
