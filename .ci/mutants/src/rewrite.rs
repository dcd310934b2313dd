//! Puts all mutants of a file into it, each as a branch.

use crate::{
    list::{Genre, Mutant},
    tree::Tree,
};
use proc_macro2::Span;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    error::Error,
    fs,
    ops::Range,
};
use syn::{
    Arm, Expr, ExprBinary, ExprStruct, ExprUnary, Signature,
    spanned::Spanned,
    visit::{self, Visit},
};

/// Where the text of a mutant is in the file that was written.
pub struct Mark {
    /// The mutant.
    pub id: usize,
    /// Its own text.
    pub own: Range<usize>,
    /// That and all that it stands beside.
    pub around: Range<usize>,
    /// It takes an arm of a `match` away.
    pub is_arm: bool,
}

/// One place that is changed.
struct Edit {
    /// What is replaced; empty where something is inserted.
    range: Range<usize>,
    /// What stands before what was there.
    before: Vec<Branch>,
    /// What kind of place it is.
    kind: Kind,
}

/// Where an edit stands, in the order in which they enclose each other if their ranges are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The beginning of a function.
    Body,
    /// A word that is taken out.
    Word,
    /// The end of a pattern whose arm may be gone.
    Pattern,
    /// The condition of an arm that may be gone.
    Condition,
    /// An expression that has other forms.
    Expression,
}

/// What a mutant has there instead.
struct Branch {
    id: usize,
    text: String,
    is_arm: bool,
}

impl Branch {
    fn new(mutant: &Mutant, text: String) -> Self {
        Self { id: mutant.id, text, is_arm: mutant.genre == Genre::MatchArm }
    }
}

const HELPER: &str = include_str!("switch.rs.in");

/// Writes the sources of the copy with all mutants in them but those left out.
pub fn rewrite(
    tree: &Tree,
    mutants: &[Mutant],
    left_out: &BTreeSet<usize>,
) -> Result<BTreeMap<String, Vec<Mark>>, Box<dyn Error>> {
    let mut files: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        files.entry(&mutant.file).or_default();
        if !left_out.contains(&mutant.id) {
            files.entry(&mutant.file).or_default().push(mutant);
        }
    }
    let mut marks = BTreeMap::new();
    for (file, mutants) in files {
        let source = fs::read_to_string(tree.from.join(file))?;
        let (text, found) = rewrite_file(&source, &mutants).map_err(|error| format!("{file}: {error}"))?;
        fs::write(tree.root.join(file), text)?;
        marks.insert(file.to_owned(), found);
    }
    let library = fs::read_to_string(tree.from.join("src/lib.rs"))?;
    fs::write(tree.root.join("src/lib.rs"), library + "\nmod mutant;\n")?;
    fs::write(tree.root.join("src/mutant.rs"), HELPER.replace("COUNT", &(mutants.len() + 1).to_string()))?;
    Ok(marks)
}

fn rewrite_file(source: &str, mutants: &[&Mutant]) -> Result<(String, Vec<Mark>), Box<dyn Error>> {
    let parsed = syn::parse_file(source)?;
    let mut finder = Finder { source, wanted: HashMap::new(), edits: Vec::new(), in_chain: false };
    for mutant in mutants {
        finder.wanted.entry(mutant.range(source)).or_default().push(mutant);
    }
    finder.visit_file(&parsed);
    finder.bodies();
    if let Some(range) = finder.wanted.into_keys().next() {
        return Err(format!("no such place: {:?}", &source[range]).into());
    }
    let mut edits = finder.edits;
    edits.sort_by_key(|edit| {
        (edit.range.start, edit.kind != Kind::Body, usize::MAX - edit.range.end, edit.kind)
    });
    let mut writer = Writer { source, text: String::new(), marks: Vec::new() };
    writer.write(0..source.len(), &edits);
    Ok((writer.text, writer.marks))
}

/// Finds what the mutants change.
struct Finder<'a> {
    source: &'a str,
    wanted: HashMap<Range<usize>, Vec<&'a Mutant>>,
    edits: Vec<Edit>,
    in_chain: bool,
}

impl<'a> Finder<'a> {
    fn take(&mut self, span: Span, genre: Genre) -> Vec<&'a Mutant> {
        let range = span.byte_range();
        let Some(there) = self.wanted.get_mut(&range) else { return Vec::new() };
        let (taken, rest) = std::mem::take(there).into_iter().partition(|mutant| mutant.genre == genre);
        *there = rest;
        if there.is_empty() {
            self.wanted.remove(&range);
        }
        taken
    }

    fn edit(&mut self, range: Range<usize>, kind: Kind, before: Vec<Branch>) {
        if !before.is_empty() {
            self.edits.push(Edit { range, before, kind });
        }
    }

    /// The text of `whole` with `part` replaced.
    fn with(&self, whole: &Range<usize>, part: &Range<usize>, by: &str) -> String {
        [&self.source[whole.start..part.start], by, &self.source[part.end..whole.end]].concat()
    }

    /// Operators of one expression, as another one may bind differently: `a || b && c`.
    fn chain(&mut self, expression: &ExprBinary, whole: &Range<usize>, branches: &mut Vec<Branch>) {
        for mutant in self.take(expression.op.span(), Genre::BinaryOperator) {
            let text = self.with(whole, &mutant.range(self.source), &mutant.replacement);
            branches.push(Branch::new(mutant, text));
        }
        for side in [&expression.left, &expression.right] {
            if let Expr::Binary(inner) = &**side {
                self.chain(inner, whole, branches);
            }
        }
    }

    /// What is left are the bodies of functions.
    fn bodies(&mut self) {
        let wanted = std::mem::take(&mut self.wanted);
        for (range, mutants) in wanted {
            let (bodies, others): (Vec<_>, Vec<_>) =
                mutants.into_iter().partition(|mutant| mutant.genre == Genre::FnValue);
            let branches = bodies
                .into_iter()
                .map(|mutant| Branch::new(mutant, format!("return {};", mutant.replacement)))
                .collect();
            self.edit(range.start..range.start, Kind::Body, branches);
            if !others.is_empty() {
                self.wanted.insert(range, others);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_signature(&mut self, signature: &'ast Signature) {
        if let Some(word) = &signature.constness {
            self.edits.push(Edit { range: word.span.byte_range(), before: Vec::new(), kind: Kind::Word });
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        if !matches!(expression, Expr::Binary(_)) {
            self.in_chain = false;
        }
        visit::visit_expr(self, expression);
    }

    fn visit_expr_binary(&mut self, expression: &'ast ExprBinary) {
        if !self.in_chain {
            let whole = expression.span().byte_range();
            let mut branches = Vec::new();
            self.chain(expression, &whole, &mut branches);
            self.edit(whole, Kind::Expression, branches);
        }
        for side in [&expression.left, &expression.right] {
            self.in_chain = true;
            self.visit_expr(side);
        }
        self.in_chain = false;
    }

    fn visit_expr_unary(&mut self, expression: &'ast ExprUnary) {
        let whole = expression.span().byte_range();
        let branches = self
            .take(expression.op.span(), Genre::UnaryOperator)
            .into_iter()
            .map(|mutant| {
                let text = self.with(&whole, &mutant.range(self.source), &mutant.replacement);
                Branch::new(mutant, text)
            })
            .collect();
        self.edit(whole, Kind::Expression, branches);
        visit::visit_expr_unary(self, expression);
    }

    fn visit_expr_struct(&mut self, expression: &'ast ExprStruct) {
        let whole = expression.span().byte_range();
        let mut branches = Vec::new();
        // With the comma.
        for field in expression.fields.pairs() {
            for mutant in self.take(field.span(), Genre::StructField) {
                branches.push(Branch::new(mutant, self.with(&whole, &mutant.range(self.source), "")));
            }
        }
        self.edit(whole, Kind::Expression, branches);
        visit::visit_expr_struct(self, expression);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        let gone: Vec<_> = self
            .take(arm.span(), Genre::MatchArm)
            .into_iter()
            .map(|mutant| Branch::new(mutant, "false".into()))
            .collect();
        if let Some((_, guard)) = &arm.guard {
            let range = guard.span().byte_range();
            let always: Vec<_> = self
                .take(guard.span(), Genre::MatchArmGuard)
                .into_iter()
                .map(|mutant| Branch::new(mutant, mutant.replacement.clone()))
                .collect();
            self.edit(range, Kind::Condition, gone.into_iter().chain(always).collect());
        } else {
            let end = arm.pat.span().byte_range().end;
            self.edit(end..end, Kind::Pattern, gone);
        }
        visit::visit_arm(self, arm);
    }
}

/// Writes the source with all edits.
struct Writer<'a> {
    source: &'a str,
    text: String,
    marks: Vec<Mark>,
}

impl Writer<'_> {
    fn write(&mut self, range: Range<usize>, mut edits: &[Edit]) {
        let mut at = range.start;
        while let Some((edit, after)) = edits.split_first() {
            let inside = after.iter().take_while(|inner| inner.range.start < edit.range.end).count();
            let (inner, rest) = after.split_at(inside);
            self.text.push_str(&self.source[at..edit.range.start]);
            self.write_edit(edit, inner);
            at = edit.range.end;
            edits = rest;
        }
        self.text.push_str(&self.source[at..range.end]);
    }

    fn write_edit(&mut self, edit: &Edit, inner: &[Edit]) {
        let (start, first) = (self.text.len(), self.marks.len());
        match edit.kind {
            Kind::Word => {}
            Kind::Body => {
                for branch in &edit.before {
                    self.branch("if ", branch, " ");
                }
            }
            Kind::Pattern => {
                self.text.push_str(" if ");
                self.write_branches(edit, |writer| writer.text.push_str("true"));
            }
            Kind::Condition | Kind::Expression => {
                self.write_branches(edit, |writer| writer.write(edit.range.clone(), inner));
            }
        }
        let around = start..self.text.len();
        for mark in &mut self.marks[first..] {
            if edit.before.iter().any(|branch| branch.id == mark.id) {
                mark.around = around.clone();
            }
        }
    }

    fn write_branches(&mut self, edit: &Edit, otherwise: impl FnOnce(&mut Self)) {
        self.text.push('(');
        for branch in &edit.before {
            self.branch("if ", branch, " else ");
        }
        self.text.push_str("{ ");
        otherwise(self);
        self.text.push_str(" })");
    }

    fn branch(&mut self, before: &str, branch: &Branch, after: &str) {
        self.text.push_str(&format!("{before}crate::mutant::is({}) {{ ", branch.id));
        let start = self.text.len();
        self.text.push_str(&branch.text);
        let own = start..self.text.len();
        self.marks.push(Mark { id: branch.id, around: own.clone(), own, is_arm: branch.is_arm });
        self.text.push_str(" }");
        self.text.push_str(after);
    }
}
