//! What is wrong with an input, and where.

use std::fmt::Write;

/// One fault of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A JSON pointer into the body (RFC 6901), or into the query as if it were an object.
    pub pointer: String,
    /// What kind of fault, for programs.
    pub code: &'static str,
    /// What would be right, for people.
    pub detail: String,
}

/// Every fault of an input, up to a bound: who sends a thousand learns of the first of them.
#[derive(Debug, Default)]
pub struct Faults {
    list: Vec<Fault>,
}

/// Where in an input a value stands: a path back to the root, on the stack.
#[derive(Clone, Copy, Debug)]
pub enum At<'p> {
    /// The body as a whole.
    Root,
    /// A member of an object.
    Key(&'p At<'p>, &'p str),
    /// An element of an array.
    Index(&'p At<'p>, usize),
}

impl Faults {
    /// Notes a fault.
    pub fn add(&mut self, at: &At<'_>, code: &'static str, detail: impl Into<String>) {
        if self.list.len() < FAULTS_MAX {
            self.list.push(Fault {
                pointer: at.pointer(),
                code,
                detail: detail.into(),
            });
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The faults in the order in which they were met.
    pub fn into_list(self) -> Vec<Fault> {
        self.list
    }
}

impl At<'_> {
    /// The place as text.
    pub fn pointer(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        match self {
            At::Root => {}
            At::Key(parent, name) => {
                parent.write(out);
                out.push('/');
                out.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            At::Index(parent, index) => {
                parent.write(out);
                write!(out, "/{index}").expect("a string takes everything");
            }
        }
    }
}

/// The most faults of one input that are told.
const FAULTS_MAX: usize = 100;
