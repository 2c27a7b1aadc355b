//! Reads a stream line by line, with a limit on line length, so that memory is bounded for any input.
//! Not here: parsing a line.

use std::io::{self, BufRead, Read};

/// The next item of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StreamLine<'b> {
    /// A line, without its line feed.
    Text(&'b [u8]),
    /// A line longer than the limit, which was skipped.
    TooLong,
    /// The end of the stream.
    End,
}

/// Reads the next line of at most `limit` bytes into `buffer`. The last line may lack its line feed.
pub(super) fn next_line<'b>(input: &mut impl BufRead, buffer: &'b mut Vec<u8>, limit: usize) -> io::Result<StreamLine<'b>> {
    buffer.clear();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = input.take(most).read_until(b'\n', buffer)?;
    match buffer.as_slice() {
        [] => Ok(StreamLine::End),
        [line @ .., b'\n'] => Ok(StreamLine::Text(line)),
        line if read <= limit => Ok(StreamLine::Text(line)),
        _ => input.skip_until(b'\n').map(|_| StreamLine::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, limit: usize) -> Vec<String> {
        let mut input = text.as_bytes();
        let mut buffer = Vec::new();
        let mut found = Vec::new();
        loop {
            match next_line(&mut input, &mut buffer, limit).expect("memory can be read") {
                StreamLine::Text(line) => found.push(String::from_utf8_lossy(line).into_owned()),
                StreamLine::TooLong => found.push("too long".to_owned()),
                StreamLine::End => return found,
            }
        }
    }

    #[test]
    fn each_line_comes_without_its_line_feed() {
        assert_eq!(lines("one\n\ntwo\n", 9), ["one", "", "two"]);
        assert_eq!(lines("one\ntwo", 9), ["one", "two"]);
        assert_eq!(lines("", 9), [""; 0]);
    }

    #[test]
    fn a_line_of_the_limit_is_read_and_one_byte_more_is_skipped() {
        assert_eq!(lines("1234\n12345\n123456\n1", 5), ["1234", "12345", "too long", "1"]);
        assert_eq!(lines("123456", 5), ["too long"]);
    }
}
