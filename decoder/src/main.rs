//! `bitsback-decode [--arrays] [--links] IN OUT`: decodes an archive, or a block alone.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use bitsback_decode::container::entries::{Attributes, Folder, Link, Mode, Time};
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
        Output::Folder(files) => fs::create_dir(out)
            .and_then(|()| files.iter().try_for_each(|(name, bytes)| write_file(&out.join(name), bytes, None))),
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
    for (name, bytes, Attributes { mode, time }) in &tree.files {
        let path = out.join(name);
        write_file(&path, bytes, *time)?;
        set_mode(&path, *mode)?;
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
    // Inner folders get their times and modes first, since the mode of the outer one may forbid access.
    let mut folders = tree.folders;
    folders.sort_by(|one, other| other.name.cmp(&one.name));
    for Folder { name, attributes } in folders.iter().filter(|folder| !folder.name.is_empty()) {
        let path = out.join(name);
        set_folder_time(&path, attributes.time);
        set_mode(&path, attributes.mode)?;
    }
    let root = folders.iter().find(|folder| folder.name.is_empty()).map(|folder| folder.attributes);
    set_folder_time(out, root.and_then(|root| root.time));
    set_mode(out, root.and_then(|root| root.mode).or(usual))
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
fn set_folder_time(path: &Path, time: Time) {
    if let Ok(folder) = fs::File::open(path) {
        set_time(&folder, time);
    }
}

/// Sets the time of a file or folder, if it is known, and the file system supports it.
fn set_time(file: &fs::File, time: Time) {
    let Some(nanoseconds) = time else { return };
    let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
    let time = match nanoseconds {
        0.. => SystemTime::UNIX_EPOCH.checked_add(distance),
        _ => SystemTime::UNIX_EPOCH.checked_sub(distance),
    };
    let _ = time.map(|time| file.set_modified(time));
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
fn set_folder_time(_: &Path, _: Time) {}

#[cfg(not(unix))]
fn make_link(_: &str, _: &Path) -> std::io::Result<()> {
    Err(std::io::Error::new(std::io::ErrorKind::Unsupported, "this system has no links"))
}

/// Writes a new file and the folders above it, and sets its time, if known.
fn write_file(path: &Path, bytes: &[u8], time: Time) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    set_time(&file, time);
    Ok(())
}
