//! The mutants of one file: which there are, and the code that has them all.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_json::{json, Value};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, Stmt};

use crate::constants::{source, Constants};
use crate::weave::Weave;

/// One change of the code.
pub struct Mutant {
    pub id: u32,
    file: String,
    line: usize,
    /// The line of the source, without indentation.
    text: String,
    change: String,
    dropped: bool,
    /// The bytes of the copy: the file, and the range.
    ranges: Vec<(String, Range<usize>)>,
}

impl Mutant {
    pub fn json(&self) -> Value {
        let ranges: Vec<Value> =
            self.ranges.iter().map(|(file, range)| json!([file, range.start, range.end])).collect();
        json!({"id": self.id, "file": self.file, "line": self.line, "text": self.text, "change": self.change,
            "dropped": self.dropped, "ranges": ranges})
    }
}

/// Collects the mutants of a file.
pub struct Mutants<'a> {
    file: &'a str,
    text: &'a str,
    constants: &'a Constants,
    dropped: &'a HashSet<u32>,
    all: &'a mut Vec<Mutant>,
    weave: Weave,
    /// Above 0 in what is evaluated by the compiler, and in patterns and types.
    fixed: usize,
    is_debug: bool,
}

/// Whether an item is compiled for the tests of the library on this system, and is no test.
pub fn compiled_here(attributes: &[syn::Attribute]) -> bool {
    const ELSEWHERE: [&str; 8] = [
        "test",
        "windows",
        "stdws_portable",
        "not(unix)",
        "not(feature",
        "\"macos\"",
        "not(target_os=\"linux\")",
        "doctest",
    ];
    !attributes.iter().any(|attribute| {
        let text = quote::quote!(#attribute).to_string().replace(' ', "");
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && ELSEWHERE.iter().any(|word| text.contains(word) && !text.contains(&format!("not({word})")))
    })
}

fn on(id: u32) -> String {
    format!("crate::mutation::on({id})")
}

/// A text in one line, and not too long.
fn short(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

impl<'a> Mutants<'a> {
    pub fn new(
        file: &'a str,
        text: &'a str,
        constants: &'a Constants,
        dropped: &'a HashSet<u32>,
        all: &'a mut Vec<Mutant>,
    ) -> Self {
        Mutants { file, text, constants, dropped, all, weave: Weave::default(), fixed: 0, is_debug: false }
    }

    /// The file with all its mutants.
    pub fn weave(mut self, file: &syn::File) -> String {
        self.visit_file(file);
        let (woven, ranges) = std::mem::take(&mut self.weave).finish(self.text);
        let by_id: HashMap<u32, usize> = self.all.iter().enumerate().map(|(at, one)| (one.id, at)).collect();
        for (id, ranges) in ranges {
            self.all[by_id[&id]].ranges.extend(ranges.into_iter().map(|range| (self.file.to_string(), range)));
        }
        woven
    }

    /// Notes a mutant of this place. `None` where none is possible.
    fn add(&mut self, place: &impl Spanned, change: String) -> Option<u32> {
        if self.fixed > 0 {
            return None;
        }
        let line = place.span().start().line;
        let (file, text) =
            (self.file.to_string(), self.text.lines().nth(line - 1).unwrap_or_default().trim().to_string());
        let id = self.all.len() as u32 + 1;
        let dropped = self.dropped.contains(&id);
        self.all.push(Mutant { id, file, line, text, change, dropped, ranges: Vec::new() });
        (!dropped).then_some(id)
    }

    /// Chooses between expressions: `changes` are the descriptions of the mutants, and their code.
    fn choose(&mut self, place: &impl Spanned, whole: &impl Spanned, changes: Vec<(String, String)>) {
        let (mut open, mut ids) = (String::from("("), Vec::new());
        for (change, code) in changes {
            if let Some(id) = self.add(place, change) {
                open += &format!("if {} {{ {code} }} else ", on(id));
                ids.push(id);
            }
        }
        if !ids.is_empty() {
            self.weave.wrap(whole.span().byte_range(), open + "{ (", ") })", &ids);
        }
    }

    /// Negates a condition.
    fn negate(&mut self, condition: &impl Spanned, change: String) {
        if let Some(id) = self.add(condition, change) {
            self.weave.wrap(condition.span().byte_range(), format!("({} != (", on(id)), "))", &[id]);
        }
    }

    /// Makes a statement conditional.
    fn remove(&mut self, statement: &impl Spanned) {
        let change = format!("remove `{}`", short(source(self.text, statement), 70));
        if let Some(id) = self.add(statement, change) {
            self.weave.wrap(statement.span().byte_range(), format!("if !{} {{ ", on(id)), " }", &[id]);
        }
    }

    fn fixed(&mut self, visit: impl FnOnce(&mut Self)) {
        self.fixed += 1;
        visit(self);
        self.fixed -= 1;
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block, visit: impl FnOnce(&mut Self)) {
        if signature.constness.is_some() {
            return self.fixed(visit);
        }
        if let (Some(first), false) = (block.stmts.first(), self.is_debug) {
            let (mut text, mut ids) = (String::new(), Vec::new());
            for value in values(&signature.output) {
                let change = format!("`{}` returns `{value}`", signature.ident);
                if let Some(id) = self.add(first, change) {
                    text += &format!("if {} {{ return {value}; }} ", on(id));
                    ids.push(id);
                }
            }
            self.weave.before(first.span().byte_range().start, text, &ids);
        }
        visit(self);
    }
}

/// What a function may return instead, by its type.
fn values(output: &syn::ReturnType) -> Vec<&'static str> {
    let syn::ReturnType::Type(_, ty) = output else { return vec!["()"] };
    let text = quote::quote!(#ty).to_string().replace(' ', "");
    match &*text {
        "bool" => vec!["true", "false"],
        "u8" | "u16" | "u32" | "u64" | "usize" => vec!["0", "1"],
        "String" => vec!["String::new()"],
        "&str" | "&'staticstr" => vec!["\"\""],
        _ if text.starts_with("Option<") => vec!["None"],
        _ if text.starts_with("Result<()") || text.starts_with("io::Result<()") => vec!["Ok(())"],
        _ if text.starts_with("Vec<") => vec!["Vec::new()"],
        _ => vec![],
    }
}

/// What an operator is replaced with.
fn operators(operator: &BinOp) -> &'static [&'static str] {
    match operator {
        BinOp::Add(_) => &["-", "*"],
        BinOp::Sub(_) => &["+"],
        BinOp::Mul(_) => &["+", "/"],
        BinOp::Div(_) => &["*", "%"],
        BinOp::Rem(_) => &["/", "+"],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::BitXor(_) => &["|", "&"],
        BinOp::BitAnd(_) => &["|", "^"],
        // `^` is the same where no bit is set on both sides, and here that is so almost everywhere.
        BinOp::BitOr(_) => &["&"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::Lt(_) => &["<=", ">=", "=="],
        BinOp::Le(_) => &["<", ">"],
        BinOp::Gt(_) => &[">=", "<=", "=="],
        BinOp::Ge(_) => &[">", "<"],
        BinOp::AddAssign(_) => &["-=", "*="],
        BinOp::SubAssign(_) => &["+="],
        BinOp::MulAssign(_) => &["+="],
        BinOp::DivAssign(_) => &["*="],
        BinOp::RemAssign(_) => &["/="],
        BinOp::BitXorAssign(_) => &["|=", "&="],
        BinOp::BitAndAssign(_) => &["|=", "^="],
        BinOp::BitOrAssign(_) => &["&="],
        BinOp::ShlAssign(_) => &[">>="],
        BinOp::ShrAssign(_) => &["<<="],
        _ => &[],
    }
}

/// The attributes of a statement that is only compiled with some features.
fn attributes(statement: &Expr) -> &[syn::Attribute] {
    match statement {
        Expr::Call(call) => &call.attrs,
        Expr::Lit(literal) => &literal.attrs,
        Expr::MethodCall(call) => &call.attrs,
        Expr::Path(path) => &path.attrs,
        _ => &[],
    }
}

/// Whether it matches whatever is left.
fn takes_all(arm: &syn::Arm) -> bool {
    let takes_all = match &arm.pat {
        syn::Pat::Wild(_) => true,
        syn::Pat::Ident(ident) => {
            ident.subpat.is_none() && ident.ident.to_string().starts_with(|first: char| first.is_ascii_lowercase())
        }
        _ => false,
    };
    takes_all && arm.guard.is_none()
}

/// Whether other mutants negate this condition, or none can.
fn is_negated_otherwise(condition: &Expr) -> bool {
    match condition {
        Expr::Binary(binary) => !operators(&binary.op).is_empty(),
        Expr::Unary(unary) => matches!(unary.op, syn::UnOp::Not(_)),
        Expr::Paren(inner) => is_negated_otherwise(&inner.expr),
        Expr::Let(_) | Expr::Lit(_) | Expr::Macro(_) => true,
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Mutants<'_> {
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes: &[syn::Attribute] = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            _ => &[],
        };
        if compiled_here(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if compiled_here(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block, |this| visit::visit_item_fn(this, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let before = self.is_debug;
        self.is_debug = item
            .trait_
            .as_ref()
            .is_some_and(|(_, path, _)| path.segments.last().is_some_and(|segment| segment.ident == "Debug"));
        visit::visit_item_impl(self, item);
        self.is_debug = before;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if compiled_here(&item.attrs) {
            self.function(&item.sig, &item.block, |this| visit::visit_impl_item_fn(this, item));
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        match &item.default {
            Some(block) => self.function(&item.sig, block, |this| visit::visit_trait_item_fn(this, item)),
            None => visit::visit_trait_item_fn(self, item),
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.fixed(|this| visit::visit_item_const(this, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.fixed(|this| visit::visit_item_static(this, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.fixed(|this| visit::visit_impl_item_const(this, item));
    }

    fn visit_expr_const(&mut self, item: &'ast syn::ExprConst) {
        self.fixed(|this| visit::visit_expr_const(this, item));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.fixed(|this| visit::visit_item_enum(this, item));
    }

    fn visit_type(&mut self, ty: &'ast syn::Type) {
        self.fixed(|this| visit::visit_type(this, ty));
    }

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        self.fixed(|this| visit::visit_pat(this, pattern));
    }

    fn visit_generic_argument(&mut self, argument: &'ast syn::GenericArgument) {
        self.fixed(|this| visit::visit_generic_argument(this, argument));
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
        self.fixed(|this| this.visit_expr(&repeat.len));
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let (left, right) = (source(self.text, &*binary.left), source(self.text, &*binary.right));
        let from = source(self.text, &binary.op);
        let changes = operators(&binary.op).iter().map(|to| {
            let near = short(right, 30);
            let is_assignment = to.len() > 1 && to.ends_with('=') && !matches!(*to, "==" | "!=" | "<=" | ">=");
            let code =
                if is_assignment { format!("{left} {to} ({right})") } else { format!("({left}) {to} ({right})") };
            (format!("`{from} {near}` to `{to} {near}`"), code)
        });
        self.choose(&binary.op, binary, changes.collect());
        visit::visit_expr_binary(self, binary);
    }

    /// How much memory is reserved changes no result.
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        match &*call.func {
            Expr::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "with_capacity") => {}
            _ => visit::visit_expr_call(self, call),
        }
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        if matches!(unary.op, syn::UnOp::Not(_)) {
            let inner = source(self.text, &*unary.expr);
            self.choose(unary, unary, vec![(format!("`!{}` without `!`", short(inner, 40)), inner.to_string())]);
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_lit(&mut self, literal: &'ast syn::ExprLit) {
        match &literal.lit {
            syn::Lit::Int(number) => {
                let Ok(value) = number.base10_parse::<u128>() else { return };
                let shown = number.to_string();
                let less = value.checked_sub(1).map(|less| (less, '-'));
                let changes = [Some((value + 1, '+')), less].into_iter().flatten();
                let changes =
                    changes.map(|(other, sign)| (format!("`{shown}` {sign} 1"), format!("{other}{}", number.suffix())));
                self.choose(literal, literal, changes.collect());
            }
            syn::Lit::Bool(flag) => {
                let other = !flag.value;
                self.choose(literal, literal, vec![(format!("`{}` to `{other}`", flag.value), other.to_string())]);
            }
            _ => {}
        }
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        if self.fixed == 0 {
            if self.constants.contains(self.file, &path.path) {
                let shown = source(self.text, path);
                let changes = [("+", "wrapping_add"), ("-", "wrapping_sub")]
                    .map(|(sign, change)| (format!("`{shown}` {sign} 1"), format!("({shown}).{change}(1)")));
                self.choose(path, path, changes.into());
            }
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_macro(&mut self, call: &'ast syn::ExprMacro) {
        if call.mac.path.is_ident("matches") {
            self.negate(call, "negate `matches!`".to_string());
        }
    }

    fn visit_expr_if(&mut self, branch: &'ast syn::ExprIf) {
        if !is_negated_otherwise(&branch.cond) {
            self.negate(&*branch.cond, format!("negate `{}`", short(source(self.text, &*branch.cond), 50)));
        }
        if let (None, Some(Stmt::Expr(last, _))) = (&branch.else_branch, branch.then_branch.stmts.last()) {
            if matches!(last, Expr::Return(_) | Expr::Break(_) | Expr::Continue(_)) {
                self.remove(last);
            }
        }
        visit::visit_expr_if(self, branch);
    }

    fn visit_expr_while(&mut self, repeated: &'ast syn::ExprWhile) {
        if !is_negated_otherwise(&repeated.cond) {
            self.negate(&*repeated.cond, format!("negate `{}`", short(source(self.text, &*repeated.cond), 50)));
        }
        visit::visit_expr_while(self, repeated);
    }

    fn visit_expr_match(&mut self, choice: &'ast syn::ExprMatch) {
        self.visit_expr(&choice.expr);
        let last = choice.arms.iter().position(takes_all).unwrap_or(0);
        for (at, arm) in choice.arms.iter().enumerate().filter(|(_, arm)| compiled_here(&arm.attrs)) {
            match &arm.guard {
                Some((_, guard)) if !matches!(**guard, Expr::Let(_)) => {
                    let shown = short(source(self.text, &**guard), 50);
                    let changes = ["true", "false"].map(|to| (format!("guard `{shown}` to `{to}`"), to.to_string()));
                    self.choose(&**guard, &**guard, changes.into());
                }
                None if at < last => {
                    let shown = short(source(self.text, &arm.pat), 50);
                    if let Some(id) = self.add(&arm.pat, format!("remove the arm `{shown}`")) {
                        self.weave.after(arm.pat.span().byte_range().end, format!(" if !{}", on(id)), &[id]);
                    }
                }
                _ => {}
            }
            self.visit_arm(arm);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(expression, _) = statement {
            if !compiled_here(attributes(expression)) {
                return;
            }
        }
        if let Stmt::Expr(expression, Some(_)) = statement {
            let is_call = |expression: &Expr| matches!(expression, Expr::Call(_) | Expr::MethodCall(_));
            let is_removed = match expression {
                Expr::Try(tried) => is_call(&tried.expr),
                Expr::Assign(_) => true,
                Expr::Binary(binary) => {
                    source(self.text, &binary.op).len() > 1 && operators(&binary.op).iter().all(|to| to.ends_with('='))
                }
                other => is_call(other),
            };
            if is_removed {
                self.remove(statement);
            }
        }
        visit::visit_stmt(self, statement);
    }
}
