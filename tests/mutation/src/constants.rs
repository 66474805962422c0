//! The integer constants of the crate, so that their uses can be mutated.

use std::collections::HashMap;

use syn::spanned::Spanned;

/// The files that define an integer constant of this name.
pub struct Constants(HashMap<String, Vec<String>>);

impl Constants {
    pub fn of(files: &[(String, String, syn::File)]) -> Constants {
        let mut found = Constants(HashMap::new());
        for (name, _, file) in files {
            for item in &file.items {
                match item {
                    syn::Item::Const(one) => found.add(name, &one.ident, &one.ty),
                    syn::Item::Impl(block) => {
                        for inner in &block.items {
                            if let syn::ImplItem::Const(one) = inner {
                                found.add(name, &one.ident, &one.ty);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        found
    }

    fn add(&mut self, file: &str, ident: &syn::Ident, ty: &syn::Type) {
        const INTEGERS: [&str; 10] = ["u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize"];
        if INTEGERS.contains(&&*quote::quote!(#ty).to_string()) {
            self.0.entry(ident.to_string()).or_default().push(file.to_string());
        }
    }

    /// Whether a path means a constant: one of the same file, or the only one of this name.
    pub fn contains(&self, file: &str, path: &syn::Path) -> bool {
        let name = path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        self.0.get(&name).is_some_and(|known| known.len() == 1 || known.iter().any(|one| one == file))
    }
}

/// The source text of a part.
pub fn source<'a>(text: &'a str, part: &impl Spanned) -> &'a str {
    &text[part.span().byte_range()]
}
