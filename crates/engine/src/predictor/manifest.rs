//! A bundle's files, each checked against its SHA-256 before anyone parses it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Largest file a bundle may hold, and largest manifest.
const LARGEST: u64 = 1 << 31;
const LARGEST_MANIFEST: u64 = 1 << 22;
/// Version of the layout that this code reads.
const SCHEMA: u32 = 1;

/// Why a bundle cannot be used: which file, what was found, what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct BundleFault {
    pub file: String,
    pub message: String,
    pub hint: &'static str,
}

impl BundleFault {
    pub fn new(file: impl Into<String>, message: impl Into<String>, hint: &'static str) -> Self {
        Self {
            file: file.into(),
            message: message.into(),
            hint,
        }
    }
}

impl fmt::Display for BundleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. {}", self.file, self.message, self.hint)
    }
}

const DAMAGED: &str = "Copy the bundle again or write it anew";

/// One input of the feature engine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub name: String,
    #[serde(rename = "type")]
    pub dtype: String,
    pub unit: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    sha256: String,
    bytes: u64,
}

/// The part of `manifest.json` that the predictor needs; the rest is for people.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    pub schema: u32,
    files: BTreeMap<String, Entry>,
    pub inputs: Vec<Input>,
    pub horizons: Vec<String>,
    pub unit: String,
    pub step_ns: i64,
    pub max_age_ns: i64,
}

/// Verified bytes by file name.
pub struct Contents {
    pub manifest: Manifest,
    /// SHA-256 of manifest.json, hexadecimal: the bundle's identity.
    pub hash: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Contents {
    /// Reads and verifies every file of `folder`; parses the manifest only. Nothing else is parsed here.
    pub fn read(folder: &Path) -> Result<Self, BundleFault> {
        let raw = read_file(folder, "manifest.json", LARGEST_MANIFEST, None)?;
        let hash = digest(&raw);
        let stated = read_file(folder, "manifest.sha256", 128, None)?;
        if stated.trim_ascii() != hash.as_bytes() || stated.len() != 65 {
            return Err(BundleFault::new(
                "manifest.json",
                format!("its SHA-256 is {hash}, not the one in manifest.sha256"),
                DAMAGED,
            ));
        }
        let manifest: Manifest = parse("manifest.json", &raw)?;
        if manifest.schema != SCHEMA {
            let found = format!("schema {} is not {SCHEMA}", manifest.schema);
            return Err(BundleFault::new(
                "manifest.json",
                found,
                "Write the bundle with this version of tickcast",
            ));
        }
        refuse_strangers(folder, &manifest)?;
        let mut files = BTreeMap::new();
        for (name, entry) in &manifest.files {
            let bytes = read_file(folder, name, LARGEST, Some(entry.bytes))?;
            let found = digest(&bytes);
            if found != entry.sha256 {
                return Err(BundleFault::new(
                    name,
                    format!("its SHA-256 is {found}, the manifest says {}", entry.sha256),
                    DAMAGED,
                ));
            }
            files.insert(name.clone(), bytes);
        }
        Ok(Self { manifest, hash, files })
    }

    /// Bytes of a file. Err when the manifest does not list it.
    pub fn bytes(&self, name: &str) -> Result<&[u8], BundleFault> {
        self.files
            .get(name)
            .map(Vec::as_slice)
            .ok_or_else(|| BundleFault::new(name, "the manifest does not list this file", DAMAGED))
    }

    /// A JSON file as `T`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self, name: &str) -> Result<T, BundleFault> {
        parse(name, self.bytes(name)?)
    }
}

fn parse<'a, T: Deserialize<'a>>(name: &str, bytes: &'a [u8]) -> Result<T, BundleFault> {
    serde_json::from_slice(bytes)
        .map_err(|error| BundleFault::new(name, error.to_string(), "Write the bundle with this version of tickcast"))
}

/// Hexadecimal SHA-256.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A flat, plain file name: no separator, no leading dot, nothing that a path could hide in.
fn plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.chars().all(allowed)
}

fn refuse_strangers(folder: &Path, manifest: &Manifest) -> Result<(), BundleFault> {
    if let Some(name) = manifest.files.keys().find(|name| !plain(name) || name.starts_with("manifest.")) {
        return Err(BundleFault::new(name, "no file of a bundle may be called so", DAMAGED));
    }
    let found =
        fs::read_dir(folder).map_err(|error| BundleFault::new("manifest.json", error.to_string(), "Check that the folder is readable"))?;
    for entry in found {
        let entry = entry.map_err(|error| BundleFault::new("manifest.json", error.to_string(), "Check that the folder is readable"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !matches!(name.as_str(), "manifest.json" | "manifest.sha256") && !manifest.files.contains_key(&name) {
            return Err(BundleFault::new(
                name,
                "the manifest does not list this file",
                "Remove it from the bundle's folder",
            ));
        }
    }
    Ok(())
}

fn read_file(folder: &Path, name: &str, limit: u64, bytes: Option<u64>) -> Result<Vec<u8>, BundleFault> {
    let path = folder.join(name);
    let io = |error: std::io::Error| BundleFault::new(name, error.to_string(), "Check that the folder is a complete bundle");
    let facts = fs::symlink_metadata(&path).map_err(io)?;
    if !facts.is_file() {
        return Err(BundleFault::new(
            name,
            "it is no regular file",
            "A bundle holds regular files only, no links or folders",
        ));
    }
    if facts.len() > limit || bytes.is_some_and(|b| b != facts.len()) {
        let stated = bytes.map_or(format!("at most {limit}"), |b| b.to_string());
        return Err(BundleFault::new(
            name,
            format!("it has {} bytes where {stated} belong", facts.len()),
            DAMAGED,
        ));
    }
    let mut content = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
    File::open(&path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut content))
        .map_err(io)?;
    Ok(content)
}
