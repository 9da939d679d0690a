//! What a library file exports.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use goblin::Object;
use goblin::elf::Elf;
use goblin::mach::load_command::CommandVariant;
use goblin::mach::{Mach, MachO};

use crate::trie;
use thiserror::Error;

use crate::suggest;

/// Largest library that is read, in bytes.
pub const LIBRARY_MAX: u64 = 512 << 20;
/// Most exports of a library.
const EXPORTS_MAX: usize = 1 << 20;
/// Most bytes of exported names together.
const NAMES_MAX: usize = 64 << 20;

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Linux and most other Unix systems.
    Elf,
    /// macOS.
    MachO,
    /// Windows.
    Pe,
}

/// An exported name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The name, without the underscore that Mach-O puts in front.
    pub name: String,
    /// ELF: the version that the symbol has.
    pub version: Option<String>,
    /// Whether the name without a version means this one.
    pub is_default: bool,
}

/// What a library says of itself.
#[derive(Clone, Debug)]
pub struct Library {
    path: PathBuf,
    format: Format,
    soname: Option<String>,
    exports: Vec<Export>,
    needed: Vec<String>,
    run_path: Vec<String>,
}

/// Why a file says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LibraryError {
    /// The file cannot be read.
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// It is over a limit.
    #[error("`{path}` {what}, more than {limit}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// It is no shared library, or damaged.
    #[error("`{path}` is not a shared library: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Library {
    /// Reads a library file.
    ///
    /// # Errors
    /// If it cannot be read, is over a limit, or is no library.
    pub fn read(path: &Path) -> Result<Library, LibraryError> {
        let unreadable = |error: std::io::Error| LibraryError::Unreadable {
            path: path.to_path_buf(),
            reason: error.to_string(),
        };
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(LIBRARY_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        Library::parse(path, &bytes)
    }

    /// Whether a file begins as a library does.
    pub(crate) fn is_library(path: &Path) -> bool {
        let mut head = [0; 4];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
        read.is_ok() && head == *b"\x7fELF"
    }

    /// Takes a library's bytes apart. `path` is for messages.
    ///
    /// # Errors
    /// As for [`Library::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Library, LibraryError> {
        if bytes.len() as u64 > LIBRARY_MAX {
            return Err(LibraryError::TooLarge {
                path: path.to_path_buf(),
                what: "has more bytes than a library can have",
                limit: LIBRARY_MAX,
            });
        }
        // The parser is another's; should a damaged file make it panic, that is one more way to be malformed.
        let parsed = catch_unwind(AssertUnwindSafe(|| Library::take_apart(path, bytes)));
        parsed.unwrap_or_else(|_| Err(malformed(path, "its tables cannot be followed")))
    }

    fn take_apart(path: &Path, bytes: &[u8]) -> Result<Library, LibraryError> {
        let object = Object::parse(bytes).map_err(|error| malformed(path, error))?;
        match object {
            Object::Elf(elf) => elf_library(path, &elf),
            Object::Mach(Mach::Binary(binary)) => mach_library(path, &binary, bytes),
            Object::Mach(Mach::Fat(many)) => {
                let (binary, bytes) = many
                    .iter_arches()
                    .flatten()
                    .map(|arch| arch.slice(bytes))
                    .find_map(|slice| Some((MachO::parse(slice, 0).ok()?, slice)))
                    .ok_or_else(|| malformed(path, "no architecture in it can be read"))?;
                mach_library(path, &binary, bytes)
            }
            Object::PE(pe) => {
                let exports = pe.exports.iter().filter_map(|export| export.name);
                Ok(Library {
                    path: path.to_path_buf(),
                    format: Format::Pe,
                    soname: pe.name.map(str::to_string),
                    exports: plain(path, exports)?,
                    needed: unique(pe.libraries.iter().map(|name| (*name).to_string())),
                    run_path: Vec::new(),
                })
            }
            _ => Err(malformed(path, "it is a file of another kind")),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its kind.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The name that it gives itself, such as `libm.so.6`.
    pub fn soname(&self) -> Option<&str> {
        self.soname.as_deref()
    }

    /// Everything that it exports.
    pub fn all_exports(&self) -> &[Export] {
        &self.exports
    }

    /// The libraries that it needs itself.
    pub fn needed(&self) -> &[String] {
        &self.needed
    }

    /// Where it wants those to be looked for first.
    pub(crate) fn run_path(&self) -> &[String] {
        &self.run_path
    }

    /// Whether it exports a name; `name@VERSION` asks for one version of it.
    pub fn exports(&self, name: &str) -> bool {
        match split_version(name) {
            (name, None) => self
                .exports
                .iter()
                .any(|export| export.name == name && export.is_default),
            (name, Some(version)) => self
                .exports
                .iter()
                .any(|export| export.name == name && export.version.as_deref() == Some(version)),
        }
    }

    /// The versions of a name that exist, if the name alone means none of them or another one was asked for.
    pub fn versions(&self, name: &str) -> Vec<&str> {
        let (name, _) = split_version(name);
        self.exports
            .iter()
            .filter(|export| export.name == name)
            .filter_map(|export| export.version.as_deref())
            .collect()
    }

    /// Exported names that are close to a misspelt one, the closest first.
    pub fn near(&self, name: &str) -> Vec<&str> {
        let (name, _) = split_version(name);
        let names = self.exports.iter().filter(|export| export.is_default);
        suggest::near(name, names.map(|export| export.name.as_str()))
    }
}

/// `memcpy@GLIBC_2.2.5` → `memcpy` and the version.
pub(crate) fn split_version(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((name, version)) => (name, Some(version.trim_start_matches('@'))),
        None => (name, None),
    }
}

fn malformed(path: &Path, reason: impl ToString) -> LibraryError {
    LibraryError::Malformed {
        path: path.to_path_buf(),
        reason: reason.to_string(),
    }
}

fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    names.filter(|name| seen.insert(name.clone())).collect()
}

/// Counts what names take, so that a file cannot make the table of exports larger than it deserves.
struct Budget<'a> {
    path: &'a Path,
    count: usize,
    bytes: usize,
}

impl Budget<'_> {
    fn take(&mut self, name: &str) -> Result<(), LibraryError> {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(name.len());
        if self.count > EXPORTS_MAX || self.bytes > NAMES_MAX {
            return Err(LibraryError::TooLarge {
                path: self.path.to_path_buf(),
                what: "exports too many names",
                limit: EXPORTS_MAX as u64,
            });
        }
        Ok(())
    }
}

/// Exports without versions.
fn plain<'a>(
    path: &Path,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<Export>, LibraryError> {
    let mut budget = Budget {
        path,
        count: 0,
        bytes: 0,
    };
    names
        .map(|name| {
            budget.take(name)?;
            Ok(Export {
                name: name.to_string(),
                version: None,
                is_default: true,
            })
        })
        .collect()
}

fn mach_library(path: &Path, binary: &MachO<'_>, bytes: &[u8]) -> Result<Library, LibraryError> {
    let place = binary
        .load_commands
        .iter()
        .find_map(|command| match command.command {
            CommandVariant::DyldInfo(info) | CommandVariant::DyldInfoOnly(info) => {
                Some((info.export_off, info.export_size))
            }
            CommandVariant::DyldExportsTrie(data) => Some((data.dataoff, data.datasize)),
            _ => None,
        });
    let trie = match place {
        Some((start, size)) => (start as usize)
            .checked_add(size as usize)
            .and_then(|end| bytes.get(start as usize..end))
            .ok_or_else(|| malformed(path, "its export trie is not in the file"))?,
        None => &[],
    };
    let (mut names, mut bytes) = (Vec::new(), 0);
    trie::names(trie, |name| {
        bytes += name.len();
        names.push(name.strip_prefix('_').unwrap_or(name).to_string());
        // One more is enough to refuse the file.
        names.len() <= EXPORTS_MAX && bytes <= NAMES_MAX
    })
    .map_err(|error| malformed(path, error))?;
    Ok(Library {
        path: path.to_path_buf(),
        format: Format::MachO,
        soname: binary.name.map(str::to_string),
        exports: plain(path, names.iter().map(String::as_str))?,
        needed: unique(
            binary
                .libs
                .iter()
                .filter(|name| **name != "self" && Some(**name) != binary.name)
                .map(|name| (*name).to_string()),
        ),
        run_path: binary
            .rpaths
            .iter()
            .map(|path| (*path).to_string())
            .collect(),
    })
}

fn elf_library(path: &Path, elf: &Elf<'_>) -> Result<Library, LibraryError> {
    if elf.dynamic.is_none() {
        return Err(malformed(path, "it has no dynamic section"));
    }
    // Version names by index, from the table of definitions.
    let mut versions = std::collections::HashMap::new();
    for definition in elf.verdef.iter().flatten() {
        let name = definition
            .iter()
            .next()
            .and_then(|aux| elf.dynstrtab.get_at(aux.vda_name));
        versions.insert(definition.vd_ndx, name.unwrap_or_default().to_string());
        if versions.len() > usize::from(u16::MAX) {
            break;
        }
    }
    let mut exports = Vec::new();
    let mut budget = Budget {
        path,
        count: 0,
        bytes: 0,
    };
    for (number, symbol) in elf.dynsyms.iter().enumerate() {
        let is_global = matches!(
            symbol.st_bind(),
            goblin::elf::sym::STB_GLOBAL
                | goblin::elf::sym::STB_WEAK
                | goblin::elf::sym::STB_GNU_UNIQUE
        );
        if !is_global || symbol.is_import() || symbol.st_shndx == 0 {
            continue;
        }
        let Some(name) = elf
            .dynstrtab
            .get_at(symbol.st_name)
            .filter(|n| !n.is_empty())
        else {
            continue;
        };
        budget.take(name)?;
        let versym = elf.versym.as_ref().and_then(|table| table.get_at(number));
        let version = versym
            .as_ref()
            .filter(|versym| !versym.is_local() && !versym.is_global())
            .and_then(|versym| versions.get(&versym.version()).cloned());
        exports.push(Export {
            name: name.to_string(),
            version,
            is_default: versym.is_none_or(|versym| !versym.is_hidden() && !versym.is_local()),
        });
    }
    let paths = |lists: &[&str]| -> Vec<String> {
        lists
            .iter()
            .flat_map(|list| list.split(':'))
            .filter(|path| !path.is_empty())
            .map(str::to_string)
            .collect()
    };
    let run_path = match elf.runpaths.is_empty() {
        true => paths(&elf.rpaths),
        false => paths(&elf.runpaths),
    };
    Ok(Library {
        path: path.to_path_buf(),
        format: Format::Elf,
        soname: elf.soname.map(str::to_string),
        exports,
        needed: unique(elf.libraries.iter().map(|name| (*name).to_string())),
        run_path,
    })
}
