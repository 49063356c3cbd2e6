//! Findings for people, as a compiler draws them: the line, a mark under what is wrong, what to do.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use annotate_snippets::renderer::{DEFAULT_LINE_NUM_STYLE, DEFAULT_TERM_WIDTH, Style};
use annotate_snippets::{AnnotationKind, Level as Kind, Origin, Renderer, Snippet};

use rustix::termios::tcgetwinsize;

use super::{Finding, Level};
use crate::printable::printable;

/// What findings are drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Canvas {
    colours: bool,
    /// In columns. Only the line of a file is cut: sentences are the terminal's to wrap.
    width: usize,
}

/// Narrower, there is no room for the part of a line that is marked.
const MIN_WIDTH: usize = 40;

impl Canvas {
    /// No terminal.
    const PLAIN: Self = Self {
        colours: false,
        width: DEFAULT_TERM_WIDTH,
    };

    /// With colours for a terminal, unless `NO_COLOR` says something or `TERM` is `dumb`; as wide as the
    /// terminal.
    pub(crate) fn of(stream: &(impl IsTerminal + AsFd)) -> Self {
        if !stream.is_terminal() {
            return Self::PLAIN;
        }
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        // A terminal that does not know its size says 0.
        let columns = tcgetwinsize(stream).map_or(0, |size| usize::from(size.ws_col));
        let width = match columns {
            0 => DEFAULT_TERM_WIDTH,
            columns => columns.max(MIN_WIDTH),
        };
        Self {
            colours: !unwanted,
            width,
        }
    }
}

/// Several lines, without an end of the last.
pub(crate) fn draw(finding: &Finding, canvas: Canvas) -> String {
    let kind = match finding.level {
        Level::Error => Kind::ERROR,
        Level::Warning => Kind::WARNING,
    };
    let title = kind
        .primary_title(printable(&finding.message))
        .id(finding.rule);
    let path = finding.file.to_string_lossy();
    let path = printable(&path);
    let mut group = match &finding.excerpt {
        None => {
            let origin = Origin::path(path.clone());
            title.element(match finding.line as usize {
                0 => origin,
                line => origin.line(line).char_column(finding.column as usize),
            })
        }
        Some(excerpt) => {
            let mark = AnnotationKind::Primary.span(excerpt.start..excerpt.end);
            let snippet = Snippet::source(&*excerpt.shown).line_start(finding.line as usize);
            title.element(snippet.annotation(mark))
        }
    };
    if let Some(help) = &finding.help {
        group = group.element(Kind::HELP.message(printable(help)));
    }
    let renderer = if canvas.colours {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let drawn = renderer.term_width(canvas.width).render(&[group]);
    match &finding.excerpt {
        None => drawn,
        Some(_) => with_place(&drawn, finding, &path, canvas),
    }
}

/// Puts the place between the title, which is one line, and the excerpt. The library would count
/// columns in what is shown, where a long line has no beginning and a tab is four columns wide.
fn with_place(drawn: &str, finding: &Finding, path: &str, canvas: Canvas) -> String {
    let (title, rest) = drawn.split_once('\n').unwrap_or((drawn, ""));
    let (line, column) = (finding.line, finding.column);
    let indent = " ".repeat(line.to_string().len());
    let style = if canvas.colours {
        DEFAULT_LINE_NUM_STYLE
    } else {
        Style::new()
    };
    format!("{title}\n{indent}{style}-->{style:#} {path}:{line}:{column}\n{rest}")
}

/// Draws findings on standard error, each with a blank line after it.
pub(crate) fn tell<'f>(findings: impl IntoIterator<Item = &'f Finding>) {
    let canvas = Canvas::of(&std::io::stderr());
    for finding in findings {
        eprintln!("{}\n", draw(finding, canvas));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burgee_eval::text::{Location, Span};

    use super::*;
    use crate::finding::quote;

    fn finding(text: &str, (line, column): (u32, u32), width: u32, help: Option<&str>) -> Finding {
        let path = Path::new("flags/a.yaml");
        let start = Location { line, column };
        let finding = Finding {
            help: help.map(str::to_owned),
            ..Finding::at(
                path,
                Span { start, width },
                "unknown-variant",
                "there is no \"of\"",
            )
        };
        let mut finding = [finding];
        quote(&mut finding, path, text);
        let [finding] = finding;
        finding
    }

    #[track_caller]
    fn draws(finding: &Finding, expected: &str) {
        assert_eq!(draw(finding, Canvas::PLAIN), expected.trim_matches('\n'));
    }

    #[test]
    fn a_line_with_a_mark_and_what_to_do() {
        let text = "flags:\n  a: {}\n  b: \"of\"\n";
        draws(
            &finding(text, (3, 3), 7, Some("did you mean \"off\"?")),
            r#"
error[unknown-variant]: there is no "of"
 --> flags/a.yaml:3:3
  |
3 |   b: "of"
  |   ^^^^^^^
  |
  = help: did you mean "off"?
"#,
        );
        let warning = Finding {
            level: Level::Warning,
            ..finding(text, (1, 1), 0, None)
        };
        draws(
            &warning,
            r#"
warning[unknown-variant]: there is no "of"
 --> flags/a.yaml:1:1
  |
1 | flags:
  | ^
"#,
        );
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_mark_in_place() {
        let text = format!("{}\t\t\"漢字☃\": \"of\"\r\n", "\n".repeat(99));
        draws(
            &finding(&text, (100, 10), 4, None),
            "
error[unknown-variant]: there is no \"of\"
   --> flags/a.yaml:100:10
    |
100 |         \"漢字☃\": \"of\"
    |                  ^^^^
",
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        let text = "a: \x1b[2J\u{202e}of\n";
        let evil = Finding {
            file: "a\x1b.yaml\n".into(),
            message: "there is\x1b[31m\nno".to_owned(),
            ..finding(text, (1, 9), 2, Some("do\u{9b}2J"))
        };
        draws(
            &evil,
            r"
error[unknown-variant]: there is\u{1b}[31m\u{a}no
 --> a\u{1b}.yaml\u{a}:1:9
  |
1 | a: \u{1b}[2J\u{202e}of
  |                     ^^
  |
  = help: do\u{9b}2J
",
        );
    }

    #[test]
    fn a_very_long_line_is_shown_around_the_mark() {
        let text = format!("{}WRONG{}", "a".repeat(100_000), "b".repeat(100_000));
        let drawn = draw(&finding(&text, (1, 100_001), 5, None), Canvas::PLAIN);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines[1], " --> flags/a.yaml:1:100001");
        assert!(
            lines.iter().all(|line| line.chars().count() < 160),
            "{drawn}"
        );
        let mark = lines[4].find('^').expect("a mark");
        let before = lines[3]
            .find("WRONG")
            .map(|at| lines[3][..at].chars().count());
        assert_eq!(before, Some(mark), "{drawn}");
        assert!(lines[4].ends_with(" ^^^^^"), "{drawn}");
    }

    #[test]
    fn a_file_as_a_whole_has_no_line() {
        let whole = Finding::whole_file(Path::new("gone"), "cannot be read", "name a file");
        draws(
            &whole,
            "
error[unreadable-file]: cannot be read
--> gone
 = help: name a file
",
        );
    }

    /// The place is there where the line is not: the file may have fewer lines than its reader counted.
    #[test]
    fn a_place_beyond_the_text_is_still_told() {
        draws(
            &finding("a\n", (7, 3), 1, None),
            "
error[unknown-variant]: there is no \"of\"
--> flags/a.yaml:7:3
",
        );
    }

    const COLOURED: Canvas = Canvas {
        colours: true,
        ..Canvas::PLAIN
    };

    /// Whatever the width is, what is marked is seen.
    #[test]
    fn a_line_is_no_wider_than_the_terminal() {
        let text = format!("{}WRONG{}\n", "a ".repeat(20), " b".repeat(60));
        let finding = finding(&text, (1, 41), 5, None);
        for width in [MIN_WIDTH, 60, 80, 100, 120] {
            let canvas = Canvas {
                width,
                ..Canvas::PLAIN
            };
            let drawn = draw(&finding, canvas);
            let lines: Vec<&str> = drawn.lines().collect();
            for line in &lines[2..] {
                assert!(line.chars().count() <= width, "{width}\n{drawn}");
            }
            let before = |line: &str, of: &str| line.find(of).map(|at| line[..at].chars().count());
            let mark = before(lines[4], "^^^^^");
            assert!(mark.is_some(), "{width}\n{drawn}");
            assert_eq!(before(lines[3], "WRONG"), mark, "{width}\n{drawn}");
        }
    }

    #[test]
    fn colours_are_only_colours() {
        let finding = finding("a: \"of\"\n", (1, 1), 7, Some("do"));
        let coloured = draw(&finding, COLOURED);
        assert!(coloured.contains("\x1b["));
        let mut plain = String::new();
        let mut rest = &*coloured;
        while let Some((before, code)) = rest.split_once("\x1b[") {
            plain.push_str(before);
            rest = code.split_once('m').expect("the end of a colour").1;
        }
        plain.push_str(rest);
        assert_eq!(plain, draw(&finding, Canvas::PLAIN));
    }
}
