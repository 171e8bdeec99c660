//! Splits Rust source into its code and its comments, each with the other blanked out.

/// Two texts as long as the source, line for line: one has only code, one only comments.
/// What is inside string and character literals is in neither.
pub(crate) struct Masked {
    pub(crate) code: String,
    pub(crate) comments: String,
}

pub(crate) fn mask(text: &str) -> Masked {
    let mut masker = Masker {
        rest: text,
        code: String::with_capacity(text.len()),
        comments: String::with_capacity(text.len()),
    };
    while !masker.rest.is_empty() {
        masker.step();
    }
    Masked {
        code: masker.code,
        comments: masker.comments,
    }
}

struct Masker<'t> {
    rest: &'t str,
    code: String,
    comments: String,
}

#[derive(Clone, Copy)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Masker<'_> {
    fn step(&mut self) {
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.take(end, Part::Comment);
        } else if self.rest.starts_with("/*") {
            self.take(block_comment_bytes(self.rest), Part::Comment);
        } else if let Some((prefix, hashes)) = raw_string_start(self.rest) {
            self.take(prefix, Part::Code);
            let end = format!("\"{}", "#".repeat(hashes));
            let length = self.rest.find(&end).unwrap_or(self.rest.len());
            self.take(length, Part::Literal);
            self.take(end.len().min(self.rest.len()), Part::Code);
        } else if self.rest.starts_with('"') {
            self.take(1, Part::Code);
            self.take(escaped_bytes(self.rest, '"'), Part::Literal);
            self.take(1.min(self.rest.len()), Part::Code);
        } else if is_character_literal(self.rest) {
            self.take(1, Part::Code);
            self.take(escaped_bytes(self.rest, '\''), Part::Literal);
            self.take(1.min(self.rest.len()), Part::Code);
        } else {
            // A whole word at a time, so that the `r` of `for"` is not taken for a prefix.
            let word = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let next = self.rest.chars().next().map_or(0, char::len_utf8);
            self.take(word.unwrap_or(self.rest.len()).max(next), Part::Code);
        }
    }

    fn take(&mut self, bytes: usize, part: Part) {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        for character in taken.chars() {
            let blank = if character == '\n' { '\n' } else { ' ' };
            self.code.push(if matches!(part, Part::Code) {
                character
            } else {
                blank
            });
            self.comments.push(if matches!(part, Part::Comment) {
                character
            } else {
                blank
            });
        }
    }
}

/// The length of a block comment; they nest.
fn block_comment_bytes(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut position = 0;
    while position < text.len() {
        let rest = &text.as_bytes()[position..];
        if rest.starts_with(b"/*") {
            depth += 1;
            position += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                return position;
            }
        } else {
            position += 1;
        }
    }
    text.len()
}

/// For `r"`, `br#"` and the like: the length up to and with the quote, and how many `#`.
fn raw_string_start(text: &str) -> Option<(usize, usize)> {
    let after = ["br", "cr", "r"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    let quoted = after[hashes..].starts_with('"');
    quoted.then_some((text.len() - after.len() + hashes + 1, hashes))
}

/// How far it is to the closing quote, past escaped characters.
fn escaped_bytes(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices();
    while let Some((position, character)) = characters.next() {
        if character == quote {
            return position;
        }
        if character == '\\' {
            characters.next();
        }
    }
    text.len()
}

/// Tells `'a'` and `'\n'` from the lifetime `'a`.
fn is_character_literal(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next() == Some('\'')
        && match characters.next() {
            Some('\\') => true,
            Some(_) => characters.next() == Some('\''),
            None => false,
        }
}

#[test]
fn code_and_comments_part() {
    let masked = mask("let a = 1; // one\n/* two /* nested */ */ let b;\n");
    assert_eq!(
        masked.code,
        "let a = 1;       \n                       let b;\n"
    );
    assert!(masked.comments.contains("// one"));
    assert!(masked.comments.contains("nested */ */"));
    assert!(!masked.comments.contains("let"));
}

#[test]
fn literals_are_in_neither() {
    let masked =
        mask(r##"f("// \" {", r#"" {"#, b"}", 'x', '\'', '{', "a"); let y: &'a str = for_r"s";"##);
    assert!(
        !masked.code.contains('{') && !masked.code.contains('}'),
        "{}",
        masked.code
    );
    assert!(!masked.comments.contains("//"));
    assert!(masked.code.contains("&'a str"), "{}", masked.code);
}

#[test]
fn lines_stay_where_they_are() {
    let text = "\"one\ntwo\"; /* three\nfour */ five\n";
    let masked = mask(text);
    assert_eq!(masked.code.lines().count(), text.lines().count());
    assert_eq!(masked.comments.lines().count(), text.lines().count());
    assert!(masked.code.lines().nth(2).unwrap().ends_with("five"));
}
