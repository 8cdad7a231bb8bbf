//! The grammar, name by name.

use super::*;

fn kind(text: &str) -> Result<ResourceKind, NameError> {
    ResourceName::parse(text.as_bytes()).map(|name| name.kind())
}

#[test]
fn every_valid_name_of_the_specification_has_its_kind() {
    use ResourceKind::{Hierarchical, Numeric, Sequence, Set, Simple, Timestamp};
    for text in ["foo", "F", "f1", "_RESOURCE"] {
        assert_eq!(kind(text), Ok(Simple), "{text}");
    }
    for (text, units) in [
        ("foo[3]", 3),
        ("foo[03]", 3),
        ("foo[0]", 0),
        ("a[2147483647]", COUNT_MAX),
    ] {
        assert_eq!(kind(text), Ok(Numeric { units }), "{text}");
    }
    for text in ["a.b", "a.b.c", "a.a.b"] {
        assert_eq!(kind(text), Ok(Set), "{text}");
    }
    for text in [
        "/a",
        "/a/b",
        "/1",
        "/.",
        "/a b/c",
        "/a[3]",
        "/ ",
        "/a\t<>&*.:",
        "/é",
    ] {
        assert_eq!(kind(text), Ok(Hierarchical), "{text}");
    }
    for (text, transactional, holders) in [
        ("_s_a[1]", false, 1),
        ("_S_a[2]", true, 2),
        ("_s_a[0]", false, 0),
    ] {
        assert_eq!(
            kind(text),
            Ok(Sequence {
                transactional,
                holders
            }),
            "{text}"
        );
    }
    for text in [
        "_t_%S[1]",
        "_t_a%S[1]",
        "_t_#f[1]",
        "_t_%F.%T[1]",
        "_t_x\\%S[1]",
    ] {
        assert_eq!(kind(text), Ok(Timestamp { holders: 1 }), "{text}");
    }
}

#[test]
fn every_refused_name_of_the_specification_is_refused() {
    let refused = "1f foo_bar foo-bar _foo foo[] foo[-1] foo[1.5] [3] foo[3][4] _RESOURCE[3] \
         _RESOURCE2 a. .a a..b a.1 a.b[2] _RESOURCE.a / // /a/ /a//b a/b /a\\b _s_a _s_[1] \
         _s_1[1] _s_a_b[1] _s_a.b[1] _x_a[1] _t_[1] _t_1%S[1] _t_.%S[1] _t_%F_%T[1] _t_%S/[1] \
         _t_%S _T_%S[1] é _s_é[1] foo[3 foo]3[ foo[3]x _S_ _t_ [ ]";
    for text in refused
        .split(' ')
        .chain(["foo bar", "foo[ 3]", " ", "foo ", "!!\nfoo", "/a\nb"])
    {
        assert_eq!(kind(text), Err(NameError::Malformed), "{text:?}");
    }
    assert_eq!(kind(""), Err(NameError::Empty));
    assert_eq!(kind("/a\0b"), Err(NameError::Malformed));
}

#[test]
fn counts_beyond_31_bits_are_refused_not_wrapped() {
    for count in ["2147483648", "4294967301", "99999999999999999999"] {
        for text in [
            format!("a[{count}]"),
            format!("_s_a[{count}]"),
            format!("_t_%S[{count}]"),
        ] {
            assert_eq!(kind(&text), Err(NameError::CountTooLarge), "{text}");
        }
    }
}

#[test]
fn only_a_user_may_not_name_the_default_resource() {
    assert_eq!(
        ResourceName::parse_given(b"_RESOURCE"),
        Err(NameError::Reserved)
    );
    assert_eq!(
        ResourceName::parse(b"_RESOURCE"),
        Ok(ResourceName::default())
    );
}

#[test]
fn the_longest_name_is_accepted_and_one_more_byte_is_not() {
    assert!(ResourceName::parse(&[b'a'; NAME_BYTES]).is_ok());
    let length = NAME_BYTES + 1;
    assert_eq!(
        ResourceName::parse(&vec![b'a'; length]),
        Err(NameError::TooLong { length })
    );
}

#[test]
fn a_path_has_a_limited_number_of_levels() {
    assert_eq!(kind(&"/a".repeat(LEVELS)), Ok(ResourceKind::Hierarchical));
    let levels = LEVELS + 1;
    assert_eq!(
        kind(&"/a".repeat(levels)),
        Err(NameError::TooManyLevels { levels })
    );
}

#[test]
fn the_parts_of_a_name_can_be_read() {
    let path = ResourceName::parse(b"/a/b c/d").unwrap();
    assert_eq!(path.tree(), b"/a");
    assert_eq!(path.levels().collect::<Vec<_>>(), [&b"a"[..], b"b c", b"d"]);
    assert_eq!(ResourceName::parse(b"/a").unwrap().tree(), b"/a");
    let set = ResourceName::parse(b"a.bc.a").unwrap();
    assert_eq!(set.elements().collect::<Vec<_>>(), ["a", "bc", "a"]);
    assert_eq!(
        ResourceName::parse(b"_t_%F.%T[2]").unwrap().format(),
        "%F.%T"
    );
    let simple = ResourceName::parse(b"foo").unwrap();
    assert_eq!((simple.levels().count(), simple.elements().count()), (0, 0));
    assert_eq!((simple.tree(), simple.format()), (&b"foo"[..], ""));
}

#[test]
fn a_name_cannot_break_a_line_of_a_log() {
    let name = ResourceName::parse(b"/a\tb\xff").unwrap();
    assert_eq!(name.to_string(), "/a\\tb\u{fffd}");
}
