//! The JSON of descriptions: integers only, no key twice (model-format.md, M2).

use crate::foundations::error::{error, refuse, Result};

const SECTION: &str = "model-format.md, M2";
const DEPTH: usize = 32;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(i128),
    Text(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

/// Parses a whole text.
pub fn parse(text: &str) -> Result<Json> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.spaces();
    if parser.at != text.len() {
        return refuse("there is text behind the JSON", SECTION);
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        self.spaces();
        if self.peek() != byte || self.at >= self.text.len() {
            return refuse(format!("the JSON lacks a {} at byte {}", byte as char, self.at), SECTION);
        }
        self.at += 1;
        Ok(())
    }

    /// Takes a byte if it comes next; whether it did.
    fn next_is(&mut self, byte: u8) -> bool {
        self.spaces();
        let is = self.peek() == byte;
        self.at += usize::from(is);
        is
    }

    fn value(&mut self, depth: usize) -> Result<Json> {
        if depth > DEPTH {
            return refuse("the JSON is too deep", SECTION);
        }
        self.spaces();
        match self.peek() {
            b'{' => self.map(depth),
            b'[' => self.list(depth),
            b'"' => Ok(Json::Text(self.string()?)),
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                refuse(format!("the JSON is broken at byte {}", self.at), SECTION)
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Json> {
        self.expect(b'{')?;
        let mut map: Vec<(String, Json)> = Vec::new();
        if self.next_is(b'}') {
            return Ok(Json::Map(map));
        }
        loop {
            self.spaces();
            let key = self.string()?;
            self.expect(b':')?;
            map.push((key, self.value(depth + 1)?));
            if self.next_is(b'}') {
                break;
            }
            self.expect(b',')?;
        }
        let mut keys: Vec<&str> = map.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return refuse(format!("the key {:?} exists twice", pair[0]), SECTION);
        }
        Ok(Json::Map(map))
    }

    fn list(&mut self, depth: usize) -> Result<Json> {
        self.expect(b'[')?;
        let mut list = Vec::new();
        if self.next_is(b']') {
            return Ok(Json::List(list));
        }
        loop {
            list.push(self.value(depth + 1)?);
            if self.next_is(b']') {
                return Ok(Json::List(list));
            }
            self.expect(b',')?;
        }
    }

    fn number(&mut self) -> Result<Json> {
        let start = self.at;
        self.at += usize::from(self.peek() == b'-');
        let digits = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        let count = self.at - digits;
        let fraction = matches!(self.peek(), b'.' | b'e' | b'E');
        if count == 0 || count > 20 || fraction || (count > 1 && self.text.as_bytes()[digits] == b'0') {
            return refuse(format!("a number at byte {start} is no plain integer"), SECTION);
        }
        let number = self.text[start..self.at].parse().map_err(|_| error("a number is too large", SECTION))?;
        Ok(Json::Number(number))
    }

    fn string(&mut self) -> Result<String> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let Some(character) = self.text[self.at..].chars().next() else {
                return refuse("a string of the JSON does not end", SECTION);
            };
            self.at += character.len_utf8();
            match character {
                '"' => return Ok(out),
                '\\' => out.push(self.escape()?),
                '\0'..='\x1f' => return refuse("a string of the JSON has a control character", SECTION),
                _ => out.push(character),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut code = self.hexadecimal()?;
                if (0xD800..0xDC00).contains(&code) && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    let low = self.hexadecimal()?;
                    if !(0xDC00..0xE000).contains(&low) {
                        return refuse("a string of the JSON has half a character", SECTION);
                    }
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                }
                char::from_u32(code).ok_or_else(|| error("a string of the JSON has half a character", SECTION))?
            }
            _ => return refuse("a string of the JSON has an unknown escape", SECTION),
        })
    }

    fn hexadecimal(&mut self) -> Result<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits else {
            return refuse("a string of the JSON has a broken escape", SECTION);
        };
        self.at += 4;
        Ok(digits.iter().fold(0, |code, &digit| code * 16 + (digit as char).to_digit(16).unwrap_or(0)))
    }
}

impl Json {
    pub fn text(&self, what: &str) -> Result<&str> {
        match self {
            Json::Text(text) => Ok(text),
            _ => refuse(format!("{what} is no text"), SECTION),
        }
    }

    pub fn list(&self, what: &str) -> Result<&[Json]> {
        match self {
            Json::List(list) => Ok(list),
            _ => refuse(format!("{what} is no list"), SECTION),
        }
    }

    /// A list whose number of entries is between two bounds.
    pub fn list_of(&self, low: usize, high: usize, what: &str) -> Result<&[Json]> {
        let list = self.list(what)?;
        if list.len() < low || list.len() > high {
            return refuse(format!("{what} has {} entries", list.len()), SECTION);
        }
        Ok(list)
    }

    pub fn number(&self, low: i128, high: i128, what: &str) -> Result<i128> {
        match self {
            Json::Number(number) if (low..=high).contains(number) => Ok(*number),
            Json::Number(number) => refuse(format!("{what} is {number}"), SECTION),
            _ => refuse(format!("{what} is no number"), SECTION),
        }
    }

    pub fn integer(&self, low: i64, high: i64, what: &str) -> Result<i64> {
        Ok(self.number(low.into(), high.into(), what)? as i64)
    }

    /// A list of N integers between two bounds.
    pub fn integers<const N: usize>(&self, low: i64, high: i64, what: &str) -> Result<[i64; N]> {
        let mut all = [0; N];
        for (number, json) in all.iter_mut().zip(self.list_of(N, N, what)?) {
            *number = json.integer(low, high, what)?;
        }
        Ok(all)
    }

    /// A list of up to `most` integers between two bounds.
    pub fn integers_up_to(&self, most: usize, low: i64, high: i64, what: &str) -> Result<Vec<i64>> {
        self.list_of(1, most, what)?.iter().map(|json| json.integer(low, high, what)).collect()
    }

    pub fn map(&self, what: &str) -> Result<&[(String, Json)]> {
        match self {
            Json::Map(map) => Ok(map),
            _ => refuse(format!("{what} is no object"), SECTION),
        }
    }

    /// The entries of an object, to be taken one by one.
    pub fn fields(&self, what: &str) -> Result<Fields<'_>> {
        Ok(Fields { map: self.map(what)?, found_count: 0, what: what.to_string() })
    }
}

/// An object whose keys must all be known; `end` refuses others.
pub struct Fields<'a> {
    map: &'a [(String, Json)],
    found_count: usize,
    what: String,
}

impl<'a> Fields<'a> {
    pub fn optional(&mut self, key: &str) -> Option<&'a Json> {
        let found = self.map.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        self.found_count += usize::from(found.is_some());
        found
    }

    pub fn take(&mut self, key: &str) -> Result<&'a Json> {
        match self.optional(key) {
            Some(value) => Ok(value),
            None => refuse(format!("{} lacks {key:?}", self.what), SECTION),
        }
    }

    pub fn integer(&mut self, key: &str, low: i64, high: i64) -> Result<i64> {
        self.take(key)?.integer(low, high, key)
    }

    pub fn text(&mut self, key: &str) -> Result<&'a str> {
        self.take(key)?.text(key)
    }

    /// Every known key is taken once, so a difference in numbers means an unknown key.
    pub fn end(self) -> Result<()> {
        if self.found_count != self.map.len() {
            return refuse(format!("{} has an unknown key", self.what), SECTION);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let value = parse(r#" {"a": [1, -20, "x\u00e9\n\ud83d\ude00"], "b": {}} "#).unwrap();
        let Json::Map(map) = &value else { panic!() };
        assert_eq!(map[0].1, Json::List(vec![Json::Number(1), Json::Number(-20), Json::Text("xé\n😀".into())]));
        for bad in [
            "",
            "{",
            "[1.0]",
            "[1e2]",
            "[01]",
            "[1,]",
            r#"{"a":1,"a":2}"#,
            r#"["\ud800"]"#,
            "[\"\u{1}\"]",
            "1 2",
            "nul",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
