//! Libraries of a machine: opening them, finding symbols, and saying why it did not work.

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString, c_void};
use std::path::{Path, PathBuf};

use cvm_symbols::{Library as Exports, Name, Search, missing_dependency};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use thiserror::Error;

use super::grant::ForeignGrant;

/// Why something foreign cannot be provided.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ForeignError {
    /// The library is nowhere.
    #[error("there is no library `{library}`")]
    NoLibrary {
        /// As the program names it.
        library: String,
        /// The files that were looked for.
        tried: Vec<PathBuf>,
    },
    /// The library is there, but one that it needs is not.
    #[error("the library `{library}` needs `{dependency}`, which is not there")]
    NoDependency {
        /// As the program names it.
        library: String,
        /// The file that needs it.
        needed_by: PathBuf,
        /// What is missing.
        dependency: String,
        /// The files that were looked for.
        tried: Vec<PathBuf>,
    },
    /// The library is there and cannot be loaded.
    #[error("the library `{library}` cannot be loaded: {reason}")]
    NotLoadable {
        /// As the program names it.
        library: String,
        /// The dynamic linker's words.
        reason: String,
    },
    /// The symbol is not in the library that was granted but in another one, which was not.
    #[error("`{name}` of `{library}` lies in {object}, which is not permitted")]
    NotGranted {
        /// As the program names it.
        library: String,
        /// What was asked for.
        name: String,
        /// The file that has it.
        object: String,
    },
    /// The library has no such symbol.
    #[error("the library `{library}` has no `{name}`")]
    NoSymbol {
        /// As the program names it.
        library: String,
        /// Its file, if that is known.
        path: Option<PathBuf>,
        /// What was asked for.
        name: String,
        /// Exported names that are near it, the nearest first.
        near: Vec<String>,
        /// Versions of the symbol that the library has.
        versions: Vec<String>,
    },
}

struct Open {
    /// Keeps it loaded.
    _library: Library,
    /// What dlopen gave.
    handle: *mut c_void,
    /// Where it was loaded.
    base: u64,
    path: Option<PathBuf>,
}

/// The libraries that a machine uses. They stay open as long as it lives.
pub(super) struct Libraries {
    open: HashMap<String, Open>,
    search: Search,
    /// Function pointers that were found to lie in a granted library.
    known: RefCell<HashSet<u64>>,
}

impl Libraries {
    pub(super) fn new(grant: &ForeignGrant) -> Libraries {
        Libraries {
            open: HashMap::new(),
            search: Search::new(grant.directories().iter().cloned()),
            known: RefCell::default(),
        }
    }

    /// Address of a symbol. The library is granted.
    pub(super) fn symbol(
        &mut self,
        library: &str,
        name: &str,
        grant: &ForeignGrant,
    ) -> Result<*const c_void, ForeignError> {
        if !self.open.contains_key(library) {
            let open = open(library, &self.search)?;
            self.open.insert(library.to_string(), open);
        }
        let open = &self.open[library];
        let address = find(open.handle, name).ok_or_else(|| self.no_symbol(library, name, open))?;
        // The dynamic linker also looks into what the library needs; a grant of the library does not reach there.
        if !grant.is_unlimited() && !self.is_granted(address as u64) {
            return Err(ForeignError::NotGranted {
                library: library.to_string(),
                name: name.to_string(),
                object: object_at(address as u64).unwrap_or_default(),
            });
        }
        Ok(address)
    }

    /// Whether an address lies in a library that is open, which only granted ones are, or in the part of the C library
    /// that the kernel brings along.
    fn is_granted(&self, address: u64) -> bool {
        let Some(info) = dl_info(address) else {
            return false;
        };
        let base = info.dli_fbase as u64;
        self.open.values().any(|open| open.base == base)
            || object_at(address).is_some_and(|object| object.starts_with("linux-vdso"))
    }

    fn no_symbol(&self, library: &str, name: &str, open: &Open) -> ForeignError {
        let path = open.path.clone().or_else(|| self.search.find(library).ok());
        let exports = path.as_deref().and_then(|path| Exports::read(path).ok());
        let text = |names: Vec<&str>| names.into_iter().map(str::to_string).collect();
        ForeignError::NoSymbol {
            library: library.to_string(),
            name: name.to_string(),
            near: exports.as_ref().map_or(Vec::new(), |e| text(e.near(name))),
            versions: exports
                .as_ref()
                .map_or(Vec::new(), |e| text(e.versions(name))),
            path,
        }
    }

    /// Whether a C function pointer lies in a library that is open, for grants that list libraries.
    pub(super) fn grants_target(&self, target: u64) -> Result<(), String> {
        if self.known.borrow().contains(&target) {
            return Ok(());
        }
        if self.is_granted(target) {
            self.known.borrow_mut().insert(target);
            return Ok(());
        }
        let Some(object) = object_at(target) else {
            return Err("it lies in no library, and only listed libraries are granted".into());
        };
        let file = Path::new(&object).file_name().unwrap_or_default();
        let file = file.to_string_lossy();
        Err(format!(
            "it lies in {object}; import something of it and allow it with --allow-ffi={file}"
        ))
    }
}

/// Opens a library by the name that a program gives it.
fn open(name: &str, search: &Search) -> Result<Open, ForeignError> {
    let given = search.find_in_given(name);
    let path = match Name::of(name) {
        // What dlopen does not know by itself.
        Name::Linker(_) => Some(search.find(name).map_err(|error| ForeignError::NoLibrary {
            library: name.to_string(),
            tried: error.tried,
        })?),
        Name::Path(path) if Path::new(path).exists() => None,
        _ => given,
    };
    let file = path.as_deref().unwrap_or_else(|| Path::new(name));
    // SAFETY: the user granted the library, whose initialisers may do anything.
    match unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) } {
        Ok(library) => {
            let handle = library.into_raw();
            Ok(Open {
                base: base_of(handle).unwrap_or(u64::MAX),
                handle,
                // SAFETY: the handle was just taken out of a library and is put into one again.
                _library: unsafe { Library::from_raw(handle) },
                path,
            })
        }
        Err(error) => Err(why(name, path, search, &reason(&error))),
    }
}

/// The dynamic linker's words.
fn reason(error: &libloading::Error) -> String {
    use std::error::Error;
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// Finds out why a library was not loaded: it is missing, or something that it needs is.
fn why(name: &str, path: Option<PathBuf>, search: &Search, reason: &str) -> ForeignError {
    let library = name.to_string();
    let path = match path {
        Some(path) => path,
        None => match search.find(name) {
            Ok(path) => path,
            Err(error) => {
                return ForeignError::NoLibrary {
                    library,
                    tried: error.tried,
                };
            }
        },
    };
    match missing_dependency(search, &path) {
        Some(missing) => ForeignError::NoDependency {
            library,
            needed_by: missing.needed_by,
            dependency: missing.not_found.name,
            tried: missing.not_found.tried,
        },
        None => ForeignError::NotLoadable {
            library,
            reason: reason.to_string(),
        },
    }
}

/// dlsym, or dlvsym for `name@VERSION`.
fn find(handle: *mut c_void, name: &str) -> Option<*const c_void> {
    let (plain, version) = match name.split_once('@') {
        Some((plain, version)) => (plain, Some(version.trim_start_matches('@'))),
        None => (name, None),
    };
    let plain = CString::new(plain).ok()?;
    // SAFETY: the handle is that of an open library, and names end with a NUL. Only the address is taken; what it is
    // for stands in the program's signature.
    let address = unsafe {
        match version {
            None => libc::dlsym(handle, plain.as_ptr()),
            Some(version) => {
                let version = CString::new(version).ok()?;
                libc::dlvsym(handle, plain.as_ptr(), version.as_ptr())
            }
        }
    };
    (!address.is_null()).then_some(address.cast_const())
}

/// The start of glibc's description of a loaded object.
#[repr(C)]
struct LinkMap {
    base: u64,
}

/// Where a library was loaded.
fn base_of(handle: *mut c_void) -> Option<u64> {
    let mut map: *const LinkMap = std::ptr::null();
    // SAFETY: the handle is that of an open library; dlinfo writes a pointer to its link map, which lives as long.
    unsafe {
        let found = libc::dlinfo(handle, libc::RTLD_DI_LINKMAP, (&raw mut map).cast());
        (found == 0 && !map.is_null()).then(|| (*map).base)
    }
}

/// The file of the object that an address lies in.
fn object_at(address: u64) -> Option<String> {
    let info = dl_info(address)?;
    // SAFETY: dladdr gave a name that ends with a NUL and lives as long as the object is loaded.
    let name = unsafe { (!info.dli_fname.is_null()).then(|| CStr::from_ptr(info.dli_fname)) }?;
    Some(name.to_string_lossy().into_owned())
}

fn dl_info(address: u64) -> Option<libc::Dl_info> {
    // SAFETY: Dl_info is plain data; dladdr only looks the number up.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        (libc::dladdr(address as *const c_void, &mut info) != 0).then_some(info)
    }
}

/// Library and symbol at an address of code, as far as the dynamic linker knows them.
pub(crate) fn symbol_at(address: u64) -> (Option<String>, Option<String>) {
    let file = object_at(address).and_then(|object| {
        let file = Path::new(&object).file_name()?;
        Some(file.to_string_lossy().into_owned())
    });
    let name = dl_info(address).and_then(|info| {
        // SAFETY: as for the object's name.
        let name = unsafe { (!info.dli_sname.is_null()).then(|| CStr::from_ptr(info.dli_sname)) };
        Some(name?.to_string_lossy().into_owned())
    });
    (file, name)
}
