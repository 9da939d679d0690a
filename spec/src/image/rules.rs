//! How a table of rules is written: code, rule and explanation of each.

macro_rules! rules {
    ($(#[doc = $doc:literal])* $rules:ident: $($name:ident $code:literal $rule:literal $explanation:literal;)*) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $rules { $(#[doc = $rule] $name,)* }

        impl $rules {
            /// All of them, in the order in which they are checked.
            pub const ALL: &'static [$rules] = &[$($rules::$name),*];

            /// The stable code, a kebab-case word.
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code),* } }
            /// The rule in one sentence.
            pub const fn rule(self) -> &'static str { match self { $(Self::$name => $rule),* } }
            /// A paragraph: how a file comes to break the rule, and what to do.
            pub const fn explanation(self) -> &'static str { match self { $(Self::$name => $explanation),* } }
        }
    };
}

pub(super) use rules;
