//! `bitsback-decode [--arrays] [--links] IN OUT`: decodes an archive, or a block alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bitsback_decode::container::entries::{Folder, Link, Mode};
use bitsback_decode::restored::output::{decode, Output, Tree};

const USAGE: &str = "usage: bitsback-decode [--arrays] [--links] IN OUT";

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let mut take_option = |option: &str| {
        let is_first = arguments.first().is_some_and(|first| first == option);
        if is_first {
            arguments.remove(0);
        }
        is_first
    };
    let (arrays, links) = (take_option("--arrays"), take_option("--links"));
    let [input, out] = &arguments[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(Path::new(input), Path::new(out), arrays, links) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            let what: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            eprintln!("bitsback-decode: {}: {what}", Path::new(input).display());
            ExitCode::FAILURE
        }
    }
}

fn run(input: &Path, out: &Path, arrays: bool, links: bool) -> Result<(), String> {
    if out.exists() {
        return Err(format!("{} exists already", out.display()));
    }
    let file = fs::read(input).map_err(|error| error.to_string())?;
    // A panic would be a bug; it gets a message of one line, too.
    std::panic::set_hook(Box::new(|_| {}));
    let decoded = std::panic::catch_unwind(|| decode(&file, arrays))
        .map_err(|_| "the decoder failed; this is a bug in it".to_string())?
        .map_err(|error| error.to_string())?;
    let (output, notes) = decoded;
    for note in notes {
        eprintln!("bitsback-decode: {}: note: {note}", input.display());
    }
    if let Output::Tree(tree) = &output {
        if let Some(link) = tree.links.iter().find(|link| !links && link.leads_out()) {
            let Link { name, target } = link;
            return Err(format!("{name:?} is a link that leads out of the folder, to {target:?}; --links restores it"));
        }
    }
    let written = match output {
        Output::One(bytes) => fs::write(out, bytes),
        Output::Folder(files) => fs::create_dir(out).and_then(|()| write_files(out, &files)),
        Output::Tree(tree) => write_tree(out, tree),
    };
    written.map_err(|error| {
        // Removes an incomplete OUT.
        let _ = if out.is_dir() { fs::remove_dir_all(out) } else { fs::remove_file(out) };
        format!("{}: {error}", out.display())
    })
}

/// Writes a folder, which only its owner can access until everything has its mode. Links are created last, so that
/// nothing is written through a link.
fn write_tree(out: &Path, tree: Tree) -> std::io::Result<()> {
    fs::create_dir(out)?;
    let usual = mode_of(out)?;
    set_mode(out, Some(0o700))?;
    let modes: Vec<_> = tree.files.iter().map(|(name, _, mode)| (name.clone(), *mode)).collect();
    let files: Vec<_> = tree.files.into_iter().map(|(name, bytes, _)| (name, bytes)).collect();
    write_files(out, &files)?;
    for (name, mode) in &modes {
        set_mode(&out.join(name), *mode)?;
    }
    for Folder { name, .. } in &tree.folders {
        fs::create_dir_all(out.join(name))?;
    }
    for Link { name, target } in &tree.links {
        let path = out.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        if let Err(error) = make_link(target, &path) {
            eprintln!("bitsback-decode: {}: note: the link was not created: {error}", path.display());
        }
    }
    // Inner folders get their modes first, since the mode of the outer one may forbid access.
    let mut folders = tree.folders;
    folders.sort_by(|one, other| other.name.cmp(&one.name));
    for Folder { name, mode } in folders.iter().filter(|folder| !folder.name.is_empty()) {
        set_mode(&out.join(name), *mode)?;
    }
    let root = folders.iter().find(|folder| folder.name.is_empty()).and_then(|folder| folder.mode);
    set_mode(out, root.or(usual))
}

#[cfg(unix)]
fn mode_of(path: &Path) -> std::io::Result<Mode> {
    use std::os::unix::fs::PermissionsExt;
    Ok(Some((fs::metadata(path)?.permissions().mode() & 0o777) as u16))
}

/// Sets the lower 9 bits of a mode, if known.
#[cfg(unix)]
fn set_mode(path: &Path, mode: Mode) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    mode.map_or(Ok(()), |mode| fs::set_permissions(path, fs::Permissions::from_mode(u32::from(mode) & 0o777)))
}

#[cfg(unix)]
fn make_link(target: &str, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> std::io::Result<Mode> {
    Ok(None)
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: Mode) -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn make_link(_: &str, _: &Path) -> std::io::Result<()> {
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "this system has no links"))
}

fn write_files(out: &Path, files: &[(String, Vec<u8>)]) -> std::io::Result<()> {
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
