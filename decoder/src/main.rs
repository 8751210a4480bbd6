//! `bitsback-decode [--arrays] IN OUT`: decodes an archive, or a block alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bitsback_decode::restored::output::{decode, Output};

const USAGE: &str = "usage: bitsback-decode [--arrays] IN OUT";

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let arrays = arguments.first().is_some_and(|first| first == "--arrays");
    if arrays {
        arguments.remove(0);
    }
    let [input, out] = &arguments[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(Path::new(input), Path::new(out), arrays) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            let what: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            eprintln!("bitsback-decode: {}: {what}", Path::new(input).display());
            ExitCode::FAILURE
        }
    }
}

fn run(input: &Path, out: &Path, arrays: bool) -> Result<(), String> {
    if out.exists() {
        return Err(format!("{} is there already", out.display()));
    }
    let file = fs::read(input).map_err(|error| error.to_string())?;
    // The decoder does not panic; if it did, that would be one line as well.
    std::panic::set_hook(Box::new(|_| {}));
    let decoded = std::panic::catch_unwind(|| decode(&file, arrays))
        .map_err(|_| "the decoder failed; this is an error in it".to_string())?
        .map_err(|error| error.to_string())?;
    let (output, notes) = decoded;
    for note in notes {
        eprintln!("bitsback-decode: {}: note: {note}", input.display());
    }
    let written = match output {
        Output::One(bytes) => fs::write(out, bytes),
        Output::Folder(files) => write_folder(out, &files),
    };
    written.map_err(|error| {
        // Nothing stays at OUT.
        let _ = if out.is_dir() { fs::remove_dir_all(out) } else { fs::remove_file(out) };
        format!("{}: {error}", out.display())
    })
}

fn write_folder(out: &Path, files: &[(String, Vec<u8>)]) -> std::io::Result<()> {
    fs::create_dir(out)?;
    for (name, bytes) in files {
        let path: PathBuf = out.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| {
            use std::io::Write;
            file.write_all(bytes)
        })?;
    }
    Ok(())
}
