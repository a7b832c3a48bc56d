//! Prints what is generated from the error table: `errors md` the documentation, `errors js` the shell's table.

use sluice_core::error::TABLE;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("md") => markdown(),
        Some("js") => javascript(),
        _ => eprintln!("usage: errors md|js"),
    }
}

fn markdown() {
    println!("# Errors\n");
    println!("<!-- Generated from crates/core/src/error.rs by `npm run generate`; do not edit. -->\n");
    println!(
        "Match on `err.code`: a message may change, a code may not. Every error is an `Error` of the caller's realm;"
    );
    println!("synchronous functions throw it, functions that return a promise reject with it.\n");
    println!("| `code` | class, `name` | `status` | `type` | when | message |");
    println!("|---|---|---|---|---|---|");
    for row in TABLE {
        let status = if row.status == 0 { "–".to_owned() } else { row.status.to_string() };
        let type_ = if row.type_.is_empty() { "–".to_owned() } else { format!("`{}`", row.type_) };
        let class =
            if row.class == row.name { row.class.to_owned() } else { format!("{}, {}", row.class, row.name) };
        println!(
            "| `{}` | {class} | {status} | {type_} | {} | {} |",
            row.code,
            row.doc.trim(),
            row.template.replace('|', "\\|")
        );
    }
}

fn javascript() {
    println!("'use strict';");
    println!("// Generated from crates/core/src/error.rs by `npm run generate`; do not edit.");
    println!("module.exports = {{");
    for row in TABLE {
        print!("  {}: {{ code: '{}', Class: '{}', name: '{}', ", row.kind, row.code, row.class, row.name);
        if row.status != 0 {
            print!("status: {}, ", row.status);
        }
        if !row.type_.is_empty() {
            print!("type: '{}', ", row.type_);
        }
        println!("template: '{}' }},", row.template);
    }
    println!("}};");
}
