//! Reads files that hold secrets: keys of the ledger, private keys, client secrets. A file that other users of the machine can read is refused.
//! Not here: what is in them.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The permissions of a file's group and of all other users.
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;

/// The only permission that a group may have.
const GROUP_READ: u32 = 0o040;

/// A secret file that somebody else can read or write.
#[derive(Debug, thiserror::Error)]
#[error(
    "its mode is {mode:04o}, so that {who}; it must be 0600 or 0400 (`chmod 600`), or, if it belongs to another user and is read by this one's group, \
     0640 or 0440"
)]
struct OpenSecretFile {
    mode: u32,
    who: &'static str,
}

/// Reads a file that holds a secret. A symbolic link counts as the file it leads to, as Kubernetes mounts secrets.
///
/// # Errors
/// If it cannot be read, or others can read it: any user; or its group, if it belongs to this process's user. A file of another user may be
/// readable by its group, because only so can this process read it (a Kubernetes secret with `fsGroup`).
pub fn read_secret_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    check(&file.metadata()?, own_user())?;
    let mut secret = Vec::new();
    file.read_to_end(&mut secret)?;
    Ok(secret)
}

/// As [`read_secret_file`], as text.
///
/// # Errors
/// As there, and if it is not UTF-8.
pub fn read_secret_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_secret_file(path)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// The user that this process runs as, if the system tells.
fn own_user() -> Option<u32> {
    std::fs::metadata("/proc/self").ok().map(|process| process.uid())
}

fn check(file: &Metadata, own_user: Option<u32>) -> io::Result<()> {
    who_can_read(file.mode(), own_user.is_none_or(|user| user == file.uid()))
        .map_or(Ok(()), |who| Err(io::Error::new(io::ErrorKind::PermissionDenied, OpenSecretFile { mode: file.mode() & 0o7777, who })))
}

/// Who else can read or write a file of this mode.
fn who_can_read(mode: u32, is_own: bool) -> Option<&'static str> {
    let group = mode & GROUP;
    if mode & OTHERS != 0 {
        Some("every user has access to it")
    } else if group != 0 && (is_own || group != GROUP_READ) {
        Some("its group has access to it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_secret_is_for_its_owner_and_for_the_group_of_a_file_of_another_user() {
        for (mode, own, others) in [
            (0o600, true, true),
            (0o400, true, true),
            (0o700, true, true),
            (0o440, false, true),
            (0o640, false, true),
            (0o660, false, false),
            (0o450, false, false),
            (0o604, false, false),
            (0o644, false, false),
            (0o444, false, false),
            (0o601, false, false),
            (0o602, false, false),
        ] {
            assert_eq!((who_can_read(mode, true).is_none(), who_can_read(mode, false).is_none()), (own, others), "{mode:o}");
        }
    }

    #[test]
    fn the_file_behind_a_link_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        // As Kubernetes does: the name leads to `..data`, which leads to the version's folder.
        let (version, data, name) = (folder.path().join("..2027"), folder.path().join("..data"), folder.path().join("keys"));
        std::fs::create_dir(&version).expect("a folder");
        std::fs::write(version.join("keys"), "secret").expect("a file");
        symlink(&version, &data).expect("a link");
        symlink(data.join("keys"), &name).expect("a link");
        let set = |mode| std::fs::set_permissions(version.join("keys"), PermissionsExt::from_mode(mode)).expect("a mode");
        set(0o400);
        assert_eq!(read_secret_text(&name).expect("a secret"), "secret");
        set(0o444);
        let told = read_secret_text(&name).expect_err("refused").to_string();
        assert!(told.starts_with("its mode is 0444, so that every user has access to it; it must be 0600 or 0400 (`chmod 600`)"), "{told}");
    }
}
