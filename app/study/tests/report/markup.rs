//! A small strict reader of markup: every tag is closed in order, every attribute quoted, every `&` begins a reference.

/// What HTML never closes.
const VOID: [&str; 4] = ["meta", "br", "wbr", "!DOCTYPE"];

/// An opening tag.
pub struct Tag {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

impl Tag {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A page that was well formed.
pub struct Page {
    pub tags: Vec<Tag>,
    /// All words outside of `style`, references resolved.
    pub text: String,
}

impl Page {
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Tag> {
        self.tags.iter().filter(move |tag| tag.name == name)
    }

    pub fn count(&self, name: &str) -> usize {
        self.all(name).count()
    }

    /// Levels of the headings in order.
    pub fn headings(&self) -> Vec<u8> {
        let level = |tag: &Tag| tag.name.strip_prefix('h')?.parse().ok();
        self.tags.iter().filter_map(level).collect()
    }
}

/// Reads a page; panics with the place at what is not well formed.
pub fn parse(html: &str) -> Page {
    let mut page = Page { tags: Vec::new(), text: String::new() };
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let near =
            |what: &str| format!("{what} near {:.80}", &html[html.len() - rest.len()..].escape_debug());
        if open.last().is_none_or(|name| name != "style") {
            page.text.push_str(&resolved(&rest[..start]));
        }
        let end = end_of_tag(&rest[start..]).unwrap_or_else(|| panic!("{}", near("no end of a tag")));
        let inside = &rest[start + 1..start + end];
        rest = &rest[start + end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed out of order: {inside:.80}");
            continue;
        }
        let (inside, closed) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let tag = tag(inside);
        if !closed && !VOID.contains(&tag.name.as_str()) {
            open.push(tag.name.clone());
        }
        page.tags.push(tag);
    }
    assert!(open.is_empty(), "left open: {open:?}");
    assert_eq!(rest.trim(), "");
    page
}

fn end_of_tag(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    })
}

fn tag(inside: &str) -> Tag {
    let (name, mut rest) = inside.split_once(' ').unwrap_or((inside, ""));
    assert!(
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'!'),
        "no name of a tag: {name:.80}"
    );
    let mut attributes: Vec<(String, String)> = Vec::new();
    while !rest.trim().is_empty() {
        if name == "!DOCTYPE" {
            break;
        }
        let (key, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no attribute: {rest:.80}"));
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("no end of {key}"));
        let key = key.trim();
        assert!(
            key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-:".contains(&byte)),
            "no name: {key:.80}"
        );
        assert!(!value.contains('<'), "{key} holds a tag");
        assert!(attributes.iter().all(|(other, _)| other != key), "{key} stands twice");
        attributes.push((key.to_owned(), resolved(value)));
        rest = after;
    }
    Tag { name: name.to_owned(), attributes }
}

fn resolved(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split('&');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (name, after) = part.split_once(';').unwrap_or_else(|| panic!("a bare & before {part:.40}"));
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            _ => panic!("no reference: &{name};"),
        });
        out.push_str(after);
    }
    out
}
