"""Small examples for tests/sizes/run: what has to be counted, and what must not be."""

# Code, features, and the names like k1 that a build keeps; every x1 has to go.
KEPT = [
    # Items for tests, wherever they stand.
    ("fn k1() {} #[cfg(test)] mod t { fn x1() {} } fn k2() {}", ""),
    ("#[cfg(test)] use a::{x1, b::{x2}}; use k1;", ""),
    ("#[cfg(all(test, unix))] const A: [x1; 2] = [x1 { a: 1 }; 2]; fn k1() {}", ""),
    ("#[cfg(any(test, unix))] fn k1() {}", ""),
    ("#[cfg(not(test))] fn k1() {} #[cfg(doctest)] #[doc = include_str!(\"a\")] struct x1; k2", ""),
    # Features, on items, statements, fields, variants, arms, expressions.
    ("#[cfg(feature = \"a\")] fn k1<A, B>(a: [u8; 2]) -> Map<A, B> where A: C, B: D { k2 } k3", "a"),
    ("#[cfg(feature = \"a\")] fn x1<A, B>(a: [u8; 2]) -> Map<A, B> where A: C, B: D { x2 } k3", ""),
    ("#[cfg(not(feature = \"a\"))] pub(in crate::x) const fn x1() { x2 } k1", "a"),
    ("struct S { #[cfg(feature = \"a\")] a: Map<x1, Map<x2, x3>>, b: k1 }", ""),
    ("struct S { k1: u8, #[cfg(feature = \"a\")] a: fn(x1) -> x2, k2: k3 }", ""),
    ("S { #[cfg(feature = \"a\")] a: x1 < x2, k1: k2 }", ""),
    ("S { #[cfg(feature = \"a\")] a: x1 { b: x2 }, k1 }", ""),
    ("S { k1, #[cfg(feature = \"a\")] x1 }", ""),
    ("enum E { #[cfg(feature = \"a\")] x1(x2, x3), #[cfg(feature = \"a\")] x4 { a: x5 }, k1 }", ""),
    ("match a { #[cfg(feature = \"a\")] A { x1 } => x2, k1 => k2 }", ""),
    ("match a { #[cfg(feature = \"a\")] A { x1 } if x2 => x3(x4, x5), k1 => k2 }", ""),
    ("match a { #[cfg(feature = \"a\")] A { x1 } | B(x2) => { x3 } k1 => k2 }", ""),
    ("match a { #[cfg(feature = \"a\")] x1 => if x2 { x3 } else { x4 }, k1 => k2 }", ""),
    ("match a { k1 => k2, #[cfg(feature = \"a\")] x1 => x2.map(|x3| { x4 }) }", ""),
    ("{ #[cfg(feature = \"a\")] let Some(x1) = x2 else { x3 }; k1 }", ""),
    ("{ #[cfg(feature = \"a\")] if x1 { x2 } else if x3 { x4 } else { x5 } if k1 { k2 } }", ""),
    ("{ #[cfg(feature = \"a\")] { x1 } if k1 {} }", ""),
    ("{ #[cfg(feature = \"a\")] return x1 { a: x2 }; k1 }", ""),
    ("{ #[cfg(feature = \"a\")] self.x1 = x2 { a: x3 }.x4()?; k1 }", ""),
    ("{ k1; #[cfg(feature = \"a\")] x1(x2) } k2", ""),
    ("f(k1, #[cfg(feature = \"a\")] x1, k2)", ""),
    # Attributes before and behind it.
    ("#[derive(x1)] #[cfg(feature = \"a\")] #[allow(x2)] struct x3; k1", ""),
    ("#[derive(k1)] #[cfg(feature = \"a\")] #[allow(k2)] struct k3;", "a"),
    # Predicates.
    ("#[cfg(all())] k1; #[cfg(any())] x1; #[cfg(all(feature = \"a\", not(any(feature = \"b\", windows))))] k2;", "a"),
    ("#[cfg(target_os = \"linux\")] k1; #[cfg(target_os = \"macos\")] x1; #[cfg(not(unix))] x2; k2", ""),
    ("#[cfg_attr(feature = \"a\", x1)] k1 #[cfg_attr(not(feature = \"a\"), k2, k3)] fn k4() {}", ""),
    ("#[cfg_attr(unix, cfg(feature = \"a\"))] x1; k1", ""),
    ("#[cfg_attr(unix, cfg(feature = \"a\"), cfg(unix))] x1; k1", ""),
    ("#![cfg_attr(test, x1(y))] #![cfg_attr(not(test), k1(y))] k2", ""),
    ("#![cfg(feature = \"a\")] x1", ""),
    ("if cfg!(feature = \"a\") { k1 }", ""),
    # What only looks like it.
    ("// #[cfg(test)]\nk1 /* #[cfg(test)] /* */ */ k2 \"#[cfg(test)]\" k3 r#\"\"#[cfg(test)]\"# k4", ""),
    ("'\"' k1 '\\'' k2 b'\"' k3 <'a> k4 \"\\\"\" k5 '\\u{7b}' k6 '{' k7 r#type k8", ""),
]

# Source, number of lines of code.
COUNTED = [
    ("", 0),
    ("\n  \n\t\n", 0),
    ("//! a\n\n/// b\n// c\n/* d\n e */\nfn f() {}\n", 1),
    ("fn f() { // a\n    g(); /* b */\n    /* c */ h();\n    /* d */\n}\n", 4),
    ("const A: &str = \"a\n\n// b\n\";\n", 3),
    ("#[cfg(test)]\nmod t {\n    a;\n}\nfn f() {}\n#[cfg(test)]\nmod u;\n", 1),
    ("#[derive(A)]\n#[cfg(feature = \"a\")]\n/// b\nstruct S {\n    a: u8,\n}\n", 0),
    ("f(a,\n    #[cfg(feature = \"a\")]\n    b,\n    c);\n", 2),
    ("{\n    #[cfg(feature = \"a\")]\n    return A {\n        b,\n    };\n    c\n}\n", 3),
    ("let a = 'a';\n\n\"//\";\n", 2),
]

# A small crate.
TREE = {
    "lib.rs": "#[cfg(feature = \"a\")]\nmod a;\nmod b;\n#[cfg(not(feature = \"a\"))]\n#[path = \"no_a.rs\"]\nmod a;\n"
              "#[cfg_attr(feature = \"c\", path = \"with_c.rs\")]\nmod d;\nmod e { mod f; #[path = \"h.rs\"] mod g; }\n#[cfg(test)]\nmod tests;\n",
    "a.rs": "pub mod deep;\n",
    "a/deep.rs": "#[path = \"../beside.rs\"]\nmod b;\n",
    "no_a.rs": "1\n",
    "b/mod.rs": "mod c;\nuse self::c;\n",
    "b/c.rs": "mod d;\n",
    "b/c/d.rs": "#[cfg(feature = \"c\")]\nfn f() {}\n",
    "beside.rs": "1\n2\n3\n",
    "with_c.rs": "", "d.rs": "",
    "e/f.rs": "", "e/h.rs": "",
    "tests.rs": "1\n", "orphan.rs": "1\n",
}
MANIFEST = """
[package]
name = "x"
[features] # all
default = ["a"]
# b = ["c"]
a = []
c = [
    "a", # why
    "dep:x",
]
"d-e" = ["dep:y"]
[lints]
f = []
"""


def run(sizes):
    faults = []

    def same(what, found, wanted):
        if found != wanted:
            faults.append(f"{what}\n  found:  {found}\n  wanted: {wanted}")

    def fails(what, call):
        try:
            faults.append(f"{what}\n  found: {call()}\n  wanted: a fault")
        except sizes.Fault:
            pass

    count = 0
    for code, features in KEPT:
        names = sizes.re.findall(r"\b[kx]\d\b", code)
        file = sizes.File(code, set(features), "a.rs")
        same(f"{code} with '{features}'", [t.text for t in file.tokens if t.text in names], [n for n in names if n[0] == "k"])
        count += 1
    for code, lines in COUNTED:
        same(repr(code), len(sizes.File(code, frozenset(), "a.rs").lines()), lines)
        count += 1
    fails("an unknown cfg", lambda: sizes.File("#[cfg(unheard_of)] a;", set(), "a.rs"))
    fails("an unknown value", lambda: sizes.File("#[cfg(unheard_of = \"a\")] a;", set(), "a.rs"))
    fails("an inner cfg in a module", lambda: sizes.File("mod a { #![cfg(test)] }", set(), "a.rs"))

    same("modules without features", sorted(sizes.build(TREE.get, frozenset())),
         ["b/c.rs", "b/c/d.rs", "b/mod.rs", "d.rs", "e/f.rs", "e/h.rs", "lib.rs", "no_a.rs"])
    same("modules with features", sorted(sizes.build(TREE.get, {"a", "c"})),
         ["a.rs", "a/deep.rs", "b/c.rs", "b/c/d.rs", "b/mod.rs", "beside.rs", "e/f.rs", "e/h.rs", "lib.rs", "with_c.rs"])
    fails("a module without a file", lambda: sizes.build({"lib.rs": "mod a;"}.get, set()))

    features = sizes.features_of(MANIFEST)
    same("features", features, {"default": ["a"], "a": [], "c": ["a"], "d-e": []})
    same("no features", sizes.features_of("[package]\n"), {})
    same("what a feature needs", sizes.closure(features, ["c", "default"]), {"a", "c"})
    fails("an unknown feature", lambda: sizes.closure(features, ["b"]))
    tree = sizes.Sizes(TREE.get, features)
    # Without a: its stand-in, 1, and an attribute more. With it: 1 in a, 2 in deep, 3 beside, and an attribute.
    same("the share of a", tree.share(tree.default(), "a"), (2 + 1 + 2 + 3) - (3 + 1))
    same("the share of c", tree.share(tree.default(), "c"), 1 + 2)
    same("with what needs it", tree.share(tree.everything(), "a"), (2 + 1 + 2 + 3) - (3 + 1) + 1 + 2)
    same("the rows", [row[0] for row in tree.builds()], ["no feature", "the default", "everything"])
    roles = sizes.Sizes({"lib.rs": "mod codec;\nmod handshake;\nmod net;\n", "codec.rs": "1", "handshake/mod.rs": "mod uri;",
                         "handshake/uri.rs": "2", "net.rs": "3"}.get, {"client": [], "server": []})
    same("roles", [(row[0].split(":")[0], sum(row[2].values())) for row in roles.builds()],
         [("the path to read in an evening", 3), ("no feature", 7), ("client alone", 7), ("server alone", 7),
          ("client and server", 7), ("the default", 7), ("everything", 7)])

    document = f"a\n{sizes.BEGIN}\nb\n{sizes.END}\nc"
    same("markers", sizes.between_markers(document, "x"), ("a\n", "\nb\n", "\nc"))
    for wrong in ["a", sizes.BEGIN, sizes.END + sizes.BEGIN, document + document]:
        fails(f"the markers of {wrong!r}", lambda wrong=wrong: sizes.between_markers(wrong, "x"))
    with sizes.tempfile.TemporaryDirectory() as folder:
        readme = sizes.os.path.join(folder, "README.md")

        def put(text):
            with open(readme, "w", encoding="utf-8") as file:
                file.write(text)

        put(document)
        with sizes.contextlib.redirect_stdout(sizes.io.StringIO()), sizes.contextlib.redirect_stderr(sizes.io.StringIO()):
            same("a stale table", sizes.check(readme), 1)
            same("writing", sizes.write(readme), 0)
            same("a table that was written", sizes.check(readme), 0)
            written = sizes.read_file(readme)
            same("around it", (written[:2], written[-2:]), ("a\n", "\nc"))
            digit = sizes.re.search(r"\d(?= \|\n)", written).start()
            put(written[:digit] + ("1" if written[digit] == "0" else "0") + written[digit + 1:])
            same("one digit", sizes.check(readme), 1)
    for fault in faults:
        print(fault)
    print(f"sizes: {count} snippets, {len(faults)} faults: {'not ok' if faults else 'ok'}")
    return 1 if faults else 0
