//! What to do about text that is not YAML: the parser's own words name its rules, not the mistake.

use crate::text::{Wrong, wrong};

/// The parser's finding, and what to do.
pub(super) fn advise(info: &str) -> Wrong {
    let has = |word: &str| info.contains(word);
    let advice = if has("tabs ") || has(" tab") && !has("tag") {
        "YAML is never indented with tabs: replace the tab by spaces, here or on the next line"
    } else if has("expected ',' or") {
        "close the bracket that is open here, or add the comma that is missing"
    } else if has("end of stream") || has("eof") || has("in quoted scalar") {
        "the text ends too early: close the quote that is opened here"
    } else if has("in flow construct") {
        "indent this line deeper than the one whose bracket is open, or close the bracket"
    } else if has("did not find expected key") {
        "indent this line exactly as the other keys beside it"
    } else if has("did not find expected '-'") {
        "indent this line exactly as the items beside it, and begin it with `-`"
    } else if has("mapping values are not allowed") {
        "indent this line as its neighbours, or quote a value that contains `: `"
    } else if has("<document start>") {
        "begin every line of the outermost level in the same column"
    } else if has("block sequence entries") || has("mapping keys are not allowed") {
        "begin a list or a mapping on a line of its own, indented"
    } else if has("indentation") {
        "indent with spaces, and what belongs together by equally many"
    } else if has("simple key") || has("illegal placement of ':'") {
        "write `key: value`, and close every bracket before this line"
    } else if has("misplaced bracket") {
        "remove the bracket, or open it"
    } else if has("unexpected character") {
        "quote a value that begins with this character"
    } else if has("anchor") {
        "define the anchor with `&name` before `*name`, or quote the text"
    } else if has("escape") {
        "write the backslash twice, or use single quotes"
    } else if has("trailing content") || has("block scalar") {
        "quote the whole value"
    } else if has("directive") || has("TAG") || has("tag") || has("handle") {
        "remove the directive or the tag"
    } else {
        "quote the value here, and compare the indentation with the lines around it"
    };
    wrong(format!("this is not YAML: {info}"), advice)
}
