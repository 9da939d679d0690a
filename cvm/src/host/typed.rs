//! Closures as host functions: their Rust signature says how many cells they take and give.

use std::marker::PhantomData;

use cvm_spec::image::FunctionType;
use cvm_spec::pointer::Pointer;

use super::{HostModule, HostStop};
use crate::memory::Memory;

/// A type that a cell can be given to a closure as.
pub trait HostArg {
    /// The value that a cell holds. 32-bit types take the low half.
    fn from_cell(cell: u64) -> Self;
}

/// A type that goes into one cell.
pub trait HostResult {
    /// The cell that holds the value. 32-bit values are zero-extended, as the instructions do it.
    fn into_cell(self) -> u64;
}

macro_rules! cell_types {
    ($($type:ty, |$cell:ident| $from:expr, |$value:ident| $into:expr;)*) => {
        $(impl HostArg for $type {
            fn from_cell($cell: u64) -> $type { $from }
        }
        impl HostResult for $type {
            fn into_cell(self) -> u64 { let $value = self; $into }
        })*
    };
}

cell_types! {
    u64, |cell| cell, |value| value;
    i64, |cell| cell as i64, |value| value as u64;
    u32, |cell| cell as u32, |value| u64::from(value);
    i32, |cell| cell as u32 as i32, |value| u64::from(value as u32);
    f64, |cell| f64::from_bits(cell), |value| value.to_bits();
    f32, |cell| f32::from_bits(cell as u32), |value| u64::from(value.to_bits());
    bool, |cell| cell != 0, |value| u64::from(value);
    Pointer, |cell| Pointer(cell), |value| value.0;
}

/// What a closure can return: nothing, one cell's type, a tuple of up to eight, or a `Result` of any of these whose
/// error becomes a [`HostStop`].
pub trait HostResults {
    /// How many cells it is.
    const COUNT: u16;

    /// Writes the cells, first result first.
    ///
    /// # Errors
    /// If the program must not go on.
    fn store(self, cells: &mut [u64]) -> Result<(), HostStop>;
}

impl<T: HostResult> HostResults for T {
    const COUNT: u16 = 1;

    fn store(self, cells: &mut [u64]) -> Result<(), HostStop> {
        if let Some(cell) = cells.first_mut() {
            *cell = self.into_cell();
        }
        Ok(())
    }
}

impl<T: HostResults, E: Into<HostStop>> HostResults for Result<T, E> {
    const COUNT: u16 = T::COUNT;

    fn store(self, cells: &mut [u64]) -> Result<(), HostStop> {
        self.map_err(Into::into)?.store(cells)
    }
}

macro_rules! tuples {
    ($($count:literal: $($type:ident)*;)*) => {
        $(impl<$($type: HostResult),*> HostResults for ($($type,)*) {
            const COUNT: u16 = $count;

            #[allow(non_snake_case)]
            fn store(self, cells: &mut [u64]) -> Result<(), HostStop> {
                let ($($type,)*) = self;
                let values = [$($type.into_cell()),*];
                for (cell, value) in cells.iter_mut().zip(values) {
                    let value: u64 = value;
                    *cell = value;
                }
                Ok(())
            }
        })*
    };
}

tuples! {
    0: ;
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
}

/// A closure that can be a host function: up to eight arguments that are [`HostArg`]s, optionally `&mut Memory` in
/// front of them, and a result that is [`HostResults`]. `Signature` only tells the implementations apart.
pub trait HostClosure<Signature>: Send + 'static {
    /// Cells that it takes.
    const ARGS: u16;
    /// Cells that it gives.
    const RESULTS: u16;

    /// Calls it with cells as [`HostModule::call`] gets them.
    ///
    /// # Errors
    /// If the program must not go on.
    fn call(&mut self, memory: &mut Memory, cells: &mut [u64]) -> Result<(), HostStop>;
}

/// In a signature: the closure takes `&mut Memory` first.
#[derive(Debug)]
pub struct WithMemory;

/// The cell at a position; the caller has one for each argument.
fn argument<T: HostArg>(cells: &[u64], position: usize) -> T {
    T::from_cell(cells.get(position).copied().unwrap_or(0))
}

macro_rules! closures {
    ($($count:literal: $($type:ident $position:literal)*;)*) => {
        $(impl<Closure, Results, $($type),*> HostClosure<(Results, $($type,)*)> for Closure
        where
            Closure: FnMut($($type),*) -> Results + Send + 'static,
            Results: HostResults,
            $($type: HostArg,)*
        {
            const ARGS: u16 = $count;
            const RESULTS: u16 = Results::COUNT;

            fn call(&mut self, _: &mut Memory, cells: &mut [u64]) -> Result<(), HostStop> {
                self($(argument::<$type>(cells, $position)),*).store(cells)
            }
        }

        impl<Closure, Results, $($type),*> HostClosure<(WithMemory, Results, $($type,)*)> for Closure
        where
            Closure: FnMut(&mut Memory, $($type),*) -> Results + Send + 'static,
            Results: HostResults,
            $($type: HostArg,)*
        {
            const ARGS: u16 = $count;
            const RESULTS: u16 = Results::COUNT;

            fn call(&mut self, memory: &mut Memory, cells: &mut [u64]) -> Result<(), HostStop> {
                self(memory, $(argument::<$type>(cells, $position)),*).store(cells)
            }
        })*
    };
}

closures! {
    0: ;
    1: A 0;
    2: A 0 B 1;
    3: A 0 B 1 C 2;
    4: A 0 B 1 C 2 D 3;
    5: A 0 B 1 C 2 D 3 E 4;
    6: A 0 B 1 C 2 D 3 E 4 F 5;
    7: A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    8: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
}

/// One registered closure, as a namespace with one function.
pub(crate) struct Registered<Closure, Signature> {
    namespace: String,
    name: String,
    closure: Closure,
    signature: PhantomData<fn() -> Signature>,
}

impl<Signature, Closure: HostClosure<Signature>> Registered<Closure, Signature> {
    pub(crate) fn new(full_name: &str, closure: Closure) -> Self {
        let (namespace, name) = full_name.rsplit_once('.').unwrap_or(("", full_name));
        Registered {
            namespace: namespace.to_string(),
            name: name.to_string(),
            closure,
            signature: PhantomData,
        }
    }
}

impl<Signature: 'static, Closure: HostClosure<Signature>> HostModule
    for Registered<Closure, Signature>
{
    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn function(&self, name: &str) -> Option<(FunctionType, u32)> {
        let function_type = FunctionType {
            args: Closure::ARGS,
            results: Closure::RESULTS,
            brand: 0,
        };
        (name == self.name).then_some((function_type, 0))
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn call(&mut self, _: u32, memory: &mut Memory, cells: &mut [u64]) -> Result<(), HostStop> {
        self.closure.call(memory, cells)
    }
}
