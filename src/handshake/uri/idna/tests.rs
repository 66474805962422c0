//! Tests of `idna`.

use super::*;

/// RFC 3492 section 7.1. Its capital letters in the encoded part are annotations of case, which DNS ignores.
const PUNYCODE: &[(&str, &str)] = &[
    ("\u{644}\u{64a}\u{647}\u{645}\u{627}\u{628}\u{62a}\u{643}\u{644}\u{645}\u{648}\u{634}\u{639}\u{631}\u{628}\u{64a}\u{61f}", "egbpdaj6bu4bxfgehfvwxn"),
    ("\u{4ed6}\u{4eec}\u{4e3a}\u{4ec0}\u{4e48}\u{4e0d}\u{8bf4}\u{4e2d}\u{6587}", "ihqwcrb4cv8a8dqg056pqjye"),
    ("\u{4ed6}\u{5011}\u{7232}\u{4ec0}\u{9ebd}\u{4e0d}\u{8aaa}\u{4e2d}\u{6587}", "ihqwctvzc91f659drss3x8bo0yb"),
    ("Pro\u{10d}prost\u{11b}nemluv\u{ed}\u{10d}esky", "Proprostnemluvesky-uyb24dma41a"),
    ("\u{5dc}\u{5de}\u{5d4}\u{5d4}\u{5dd}\u{5e4}\u{5e9}\u{5d5}\u{5d8}\u{5dc}\u{5d0}\u{5de}\u{5d3}\u{5d1}\u{5e8}\u{5d9}\u{5dd}\u{5e2}\u{5d1}\u{5e8}\u{5d9}\u{5ea}", "4dbcagdahymbxekheh6e0a7fei0b"),
    ("\u{92f}\u{939}\u{932}\u{94b}\u{917}\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}\u{915}\u{94d}\u{92f}\u{94b}\u{902}\u{928}\u{939}\u{940}\u{902}\u{92c}\u{94b}\u{932}\u{938}\u{915}\u{924}\u{947}\u{939}\u{948}\u{902}", "i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd"),
    ("\u{306a}\u{305c}\u{307f}\u{3093}\u{306a}\u{65e5}\u{672c}\u{8a9e}\u{3092}\u{8a71}\u{3057}\u{3066}\u{304f}\u{308c}\u{306a}\u{3044}\u{306e}\u{304b}", "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa"),
    ("\u{c138}\u{acc4}\u{c758}\u{baa8}\u{b4e0}\u{c0ac}\u{b78c}\u{b4e4}\u{c774}\u{d55c}\u{ad6d}\u{c5b4}\u{b97c}\u{c774}\u{d574}\u{d55c}\u{b2e4}\u{ba74}\u{c5bc}\u{b9c8}\u{b098}\u{c88b}\u{c744}\u{ae4c}", "989aomsvi5e83db1d2a355cv1e0vak1dwrv93d5xbh15a0dt30a5jpsd879ccm6fea98c"),
    ("\u{43f}\u{43e}\u{447}\u{435}\u{43c}\u{443}\u{436}\u{435}\u{43e}\u{43d}\u{438}\u{43d}\u{435}\u{433}\u{43e}\u{432}\u{43e}\u{440}\u{44f}\u{442}\u{43f}\u{43e}\u{440}\u{443}\u{441}\u{441}\u{43a}\u{438}", "b1abfaaepdrnnbgefbaDotcwatmq2g4l"),
    ("Porqu\u{e9}nopuedensimplementehablarenEspa\u{f1}ol", "PorqunopuedensimplementehablarenEspaol-fmd56a"),
    ("T\u{1ea1}isaoh\u{1ecd}kh\u{f4}ngth\u{1ec3}ch\u{1ec9}n\u{f3}iti\u{1ebf}ngVi\u{1ec7}t", "TisaohkhngthchnitingVit-kjcr8268qyxafd2f1b9g"),
    ("3\u{5e74}B\u{7d44}\u{91d1}\u{516b}\u{5148}\u{751f}", "3B-ww4c5e180e575a65lsy2b"),
    ("\u{5b89}\u{5ba4}\u{5948}\u{7f8e}\u{6075}-with-SUPER-MONKEYS", "-with-SUPER-MONKEYS-pc58ag80a8qai00g7n9n"),
    ("Hello-Another-Way-\u{305d}\u{308c}\u{305e}\u{308c}\u{306e}\u{5834}\u{6240}", "Hello-Another-Way--fc4qua05auwb3674vfr0b"),
    ("\u{3072}\u{3068}\u{3064}\u{5c4b}\u{6839}\u{306e}\u{4e0b}2", "2-u9tlzr9756bt3uc0v"),
    ("Maji\u{3067}Koi\u{3059}\u{308b}5\u{79d2}\u{524d}", "MajiKoi5-783gue6qz075azm5e"),
    ("\u{30d1}\u{30d5}\u{30a3}\u{30fc}de\u{30eb}\u{30f3}\u{30d0}", "de-jg4avhby1noc0d"),
    ("\u{305d}\u{306e}\u{30b9}\u{30d4}\u{30fc}\u{30c9}\u{3067}", "d9juau41awczczp"),
    ("-> $1.00 <-", "-> $1.00 <--"),
];

#[test]
fn the_samples_of_rfc_3492() {
    for (text, encoded) in PUNYCODE {
        let label: Vec<char> = text.chars().collect();
        assert_eq!(punycode(&label).unwrap().to_ascii_lowercase(), encoded.to_ascii_lowercase(), "{text}");
    }
}

/// Labels in which each constant of the adaptation of the bias decides on a character. By the encoder of Python.
#[test]
fn the_bias_is_adapted() {
    for (text, encoded) in [
        ("\u{78a9}\u{8433}\u{6886}", "4zv375ahvi"),
        ("\u{916b}\u{6b4a}\u{559e}\u{526d}\u{5818}", "ierq1fnucs85aos7b"),
        ("\u{79a2}\u{5347}\u{5a76}\u{9405}\u{82f8}", "qkr00o791ahjitov"),
        ("\u{8b76}\u{5a6c}\u{4e5a}\u{79a8}", "pjq070aokz34o"),
    ] {
        let label: Vec<char> = text.chars().collect();
        assert_eq!(punycode(&label).as_deref(), Some(encoded), "{text}");
    }
}

#[test]
fn a_label_has_at_most_63_bytes() {
    let ascii = |length: usize| format!("{}.\u{e9}", "a".repeat(length));
    assert_eq!(to_ascii(&ascii(63)).unwrap(), format!("{}.xn--9ca", "a".repeat(63)));
    assert_eq!(to_ascii(&ascii(64)), Err(UriErrorKind::UnsupportedHost));
}

/// 6455-11.1.1-1, 6455-11.1.2-1: each name as the URL parser of browsers converts it.
/// Shows the answer to turner-1.
#[test]
fn names_are_converted() {
    let rows = [
        ("b\u{fc}cher.example", "xn--bcher-kva.example"),
        ("B\u{dc}CHER.Example", "xn--bcher-kva.example"),
        ("fa\u{df}.de", "xn--fa-hia.de"),
        ("\u{3b5}\u{3bb}\u{3bb}\u{3b7}\u{3bd}\u{3b9}\u{3ba}\u{3ac}.", "xn--hxargifdar."),
        ("\u{39f}\u{394}\u{39f}\u{3a3}", "xn--pxavbq"),
        ("\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.\u{440}\u{444}", "xn--e1afmkfd.xn--p1ai"),
        ("\u{4f8b}\u{5b50}.\u{6d4b}\u{8bd5}", "xn--fsqu00a.xn--0zwm56d"),
        ("\u{c608}.kr", "xn--2j5b.kr"),
        ("\u{5d3}\u{5d5}\u{5d2}\u{5de}\u{5d4}1.com", "xn--1-3hccfd9c.com"),
        ("\u{212b}.com", "xn--5ca.com"),
        ("xn--bcher-kva.\u{e9}", "xn--bcher-kva.xn--9ca"),
    ];
    for (name, expected) in rows {
        assert_eq!(to_ascii(name).as_deref(), Ok(expected), "{name}");
    }
}

/// Each of these has another name in UTS 46, or none, or breaks a rule that browsers do not all check.
#[test]
fn other_names_are_rejected() {
    let rows = [
        "e\u{301}.com",      // not in NFC
        "\u{fb01}x.com",     // a ligature
        "\u{ff41}.com",      // full width
        "\u{17f}\u{e9}.com", // the long s
        "\u{1e9e}.com",
        "\u{a7cb}.com",
        "\u{4c0}.com",
        "\u{130}.com",         // its lower case has a combining mark
        "\u{1c4}.com",         // three letters in one
        "a\u{ad}\u{e9}.com",   // ignored by UTS 46
        "\u{e9}\u{200d}.com",  // a joiner
        "\u{e9}\u{3002}com",   // another dot
        "\u{2603}.com",        // a symbol
        "\u{e9}\u{2044}a.com", // looks like a slash
        "\u{661}\u{e9}.com",   // a digit of another script
        "\u{915}\u{93f}.com",  // needs a combining mark
        "\u{e9}_a.com",
        "\u{e9}..com",
        ".\u{e9}",
        "\u{e9}.a b",
        "-\u{e9}.com",
        "\u{e9}-.com",
        "\u{e9}.-a",
        "\u{e9}a--b.com",
        "xn--\u{e9}.com",
        "\u{5d0}a.com", // two directions
        "1\u{5d0}.com",
        "1a.\u{5d0}",
        "\u{5d0}.a\u{e9}.1",
    ];
    for name in rows {
        assert_eq!(to_ascii(name), Err(UriErrorKind::UnsupportedHost), "{name:?}");
    }
}

#[test]
fn labels_and_names_have_a_maximum_length() {
    let label = |ascii: usize| format!("{}\u{e9}", "a".repeat(ascii));
    // "xn--", the letters, "-", and three or four bytes for the last letter.
    let longest = (1..63).filter(|&n| to_ascii(&label(n)).is_ok()).max().unwrap();
    assert_eq!(to_ascii(&label(longest)).unwrap().len(), MAX_LABEL);
    assert!(to_ascii(&label(longest + 1)).is_err());
    let name = |labels: usize, rest: usize| format!("\u{e9}.{}{}", "a23456789.".repeat(labels), "b".repeat(rest));
    // "xn--9ca." has eight bytes.
    assert_eq!(to_ascii(&name(24, 5)).unwrap().len(), MAX_NAME);
    assert!(to_ascii(&format!("{}.", name(24, 5))).is_ok());
    assert!(to_ascii(&name(24, 6)).is_err());
    assert!(to_ascii(&"\u{4e00}".repeat(8000)).is_err());
}

/// Letters that have an upper case inside of a row are never seen by the check.
#[test]
fn every_letter_that_is_its_own_lower_case_is_alphabetic_and_in_order() {
    let mut letters = 0;
    for &(first, last) in LETTERS {
        assert!(first <= last);
        for c in (first..=last).filter(|c| c.to_lowercase().eq([*c])) {
            assert!(c.is_alphabetic(), "{c:?}");
            letters += 1;
        }
    }
    assert!(letters > 39_000, "{letters}");
}
