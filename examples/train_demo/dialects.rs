//! A toy programming language in two dialects: `brace` (fn, braces, semicolons) and `indent` (def, colons).
//! One program tree is printed in either, so that pairs differ in dialect only.
#![allow(clippy::format_push_string)] // appending reads like the program that it prints

use crate::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Brace,
    Indent,
}

enum Stmt {
    Set(String, String),
    Return(String),
    Print(String),
    If(String, Vec<Stmt>, Vec<Stmt>),
    While(String, Vec<Stmt>),
}

pub(crate) struct Program {
    functions: Vec<(String, Vec<String>, Vec<Stmt>)>,
}

const FUNCTIONS: [&str; 16] = [
    "add", "double", "total", "area", "count", "next", "half", "limit", "score", "change", "sum",
    "step", "price", "speed", "height", "move",
];
const VARS: [&str; 14] = [
    "x", "y", "z", "n", "a", "b", "k", "size", "cost", "left", "right", "rate", "width", "best",
];
const OPS: [&str; 4] = ["+", "-", "*", "+"];
const CMP: [&str; 4] = ["<", ">", "==", "<="];

fn expr(rng: &mut Rng, vars: &[String], depth: usize) -> String {
    match rng.below(if depth == 0 { 2 } else { 4 }) {
        0 => rng.pick(vars).clone(),
        1 => rng.below(10).to_string(),
        2 => format!(
            "{} {} {}",
            expr(rng, vars, 0),
            rng.pick(&OPS),
            expr(rng, vars, depth - 1)
        ),
        _ => format!("{}({})", rng.pick(&FUNCTIONS), expr(rng, vars, 0)),
    }
}

fn block(rng: &mut Rng, vars: &mut Vec<String>, depth: usize) -> Vec<Stmt> {
    let mut out = Vec::new();
    for _ in 0..=rng.below(2) {
        let cond = |rng: &mut Rng, vars: &[String]| {
            format!(
                "{} {} {}",
                rng.pick(vars),
                rng.pick(&CMP),
                expr(rng, vars, 0)
            )
        };
        out.push(match rng.below(if depth == 0 { 3 } else { 6 }) {
            0 | 1 => {
                let value = expr(rng, vars, 1);
                let name = if rng.coin() {
                    rng.pick(vars).clone()
                } else {
                    (*rng.pick(&VARS)).to_owned()
                };
                if !vars.contains(&name) {
                    vars.push(name.clone());
                }
                Stmt::Set(name, value)
            }
            2 => Stmt::Print(expr(rng, vars, 1)),
            3 | 4 => {
                let c = cond(rng, vars);
                let yes = block(rng, &mut vars.clone(), depth - 1);
                let no = if rng.coin() {
                    block(rng, &mut vars.clone(), depth - 1)
                } else {
                    Vec::new()
                };
                Stmt::If(c, yes, no)
            }
            _ => {
                let c = cond(rng, vars);
                Stmt::While(c, block(rng, &mut vars.clone(), depth - 1))
            }
        });
    }
    out
}

pub(crate) fn program(rng: &mut Rng) -> Program {
    let functions = (0..=rng.below(3))
        .map(|_| {
            let mut vars: Vec<String> = Vec::new();
            for _ in 0..=rng.below(2) {
                let v = (*rng.pick(&VARS)).to_owned();
                if !vars.contains(&v) {
                    vars.push(v);
                }
            }
            let params = vars.clone();
            let mut body = block(rng, &mut vars, 1);
            body.push(Stmt::Return(expr(rng, &vars, 1)));
            ((*rng.pick(&FUNCTIONS)).to_owned(), params, body)
        })
        .collect();
    Program { functions }
}

impl Program {
    pub(crate) fn print(&self, dialect: Dialect) -> String {
        let mut out = String::new();
        for (name, params, body) in &self.functions {
            let params = params.join(", ");
            match dialect {
                Dialect::Brace => out += &format!("fn {name}({params}) {{\n"),
                Dialect::Indent => out += &format!("def {name}({params}):\n"),
            }
            print_block(&mut out, body, dialect, 1);
            if dialect == Dialect::Brace {
                out += "}\n";
            }
            out += "\n";
        }
        out.trim_end().to_owned() + "\n"
    }
}

fn print_block(out: &mut String, body: &[Stmt], dialect: Dialect, depth: usize) {
    let pad = "    ".repeat(depth);
    let brace = dialect == Dialect::Brace;
    let (end, open) = if brace { (";", " {") } else { ("", ":") };
    for stmt in body {
        match stmt {
            Stmt::Set(name, value) if brace => *out += &format!("{pad}let {name} = {value};\n"),
            Stmt::Set(name, value) => *out += &format!("{pad}{name} = {value}\n"),
            Stmt::Return(value) => *out += &format!("{pad}return {value}{end}\n"),
            Stmt::Print(value) => *out += &format!("{pad}print({value}){end}\n"),
            Stmt::While(cond, inner) => {
                *out += &format!("{pad}while {cond}{open}\n");
                print_block(out, inner, dialect, depth + 1);
                if brace {
                    *out += &format!("{pad}}}\n");
                }
            }
            Stmt::If(cond, yes, no) => {
                *out += &format!("{pad}if {cond}{open}\n");
                print_block(out, yes, dialect, depth + 1);
                if !no.is_empty() {
                    *out += &format!("{pad}{}else{open}\n", if brace { "} " } else { "" });
                    print_block(out, no, dialect, depth + 1);
                }
                if brace {
                    *out += &format!("{pad}}}\n");
                }
            }
        }
    }
}
