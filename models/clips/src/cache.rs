//! A cache of computed arrays on disk, keyed by content and parameters; it may be lost at any time.
//!
//! A key is a SHA-256 over everything the value depends on: the bytes of its input files and the parameters of the
//! computation. So a changed file or a changed parameter is another entry, and nothing ever has to be invalidated.
//!
//! Entry `AB/ABCD….bca`, little-endian: magic, the key (32 bytes), number of dimensions (u32), dimensions (u64 each),
//! values (f32), SHA-256 of all that (32 bytes). Written to a file of its own (process and counter in its name) and
//! renamed: an entry is there whole or not at all, whoever writes, and two processes that make the same entry make the
//! same bytes. An entry that does not hold its checksum (a torn disk) is made again. What it is not: a store; nothing
//! lives only here.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::array::{Array, make_folder};
use crate::fault::{Fault, FaultKind, Result};

/// First bytes of an entry; the digit is the version of the form.
const MAGIC: &[u8; 8] = b"BCCACHE1";
/// Dimensions of an array we store.
const MOST_DIMENSIONS: usize = 8;
/// A partial file that nobody has touched for this long belongs to a process that is gone.
const ABANDONED: Duration = Duration::from_secs(3600);

/// What a value depends on. Parts are told apart by their names and lengths, so that ("a", "bc") is not ("ab", "c").
#[derive(Debug, Clone)]
pub struct Key(Sha256);

impl Key {
    /// A key of the computation `what`; name it anew (`mfcc39/2`) when its results change.
    pub fn new(what: &str) -> Self {
        Self(Sha256::new()).part("what", what)
    }

    /// Adds a parameter by its text.
    #[must_use]
    pub fn part(self, name: &str, value: impl std::fmt::Display) -> Self {
        self.bytes(name, value.to_string().as_bytes())
    }

    /// Adds bytes (samples that are already in memory).
    #[must_use]
    pub fn bytes(mut self, name: &str, value: &[u8]) -> Self {
        for field in [name.as_bytes(), value] {
            self.0.update((field.len() as u64).to_le_bytes());
            self.0.update(field);
        }
        self
    }

    /// Adds the content of a file; its name and its time do not matter.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(self, name: &str, path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|error| Fault::io(path, &error))?;
        let mut content = Sha256::new();
        let mut piece = vec![0u8; 1 << 16];
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => content.update(&piece[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::io(path, &error)),
            }
        }
        let digest: [u8; 32] = content.finalize().into();
        Ok(self.bytes(name, &digest))
    }

    /// The key as text: 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.digest().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn digest(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }
}

/// A folder of entries. Clones are cheap; threads and processes may share the folder.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in `folder`, which is made. Partial files that a crash left behind are swept away once they are an hour
    /// old.
    ///
    /// # Errors
    /// [`FaultKind::NotWritable`].
    pub fn at(folder: &Path) -> Result<Self> {
        make_folder(folder)?;
        let cache = Self { folder: folder.to_owned() };
        cache.sweep(ABANDONED);
        Ok(cache)
    }

    /// The array of `key`, from the cache or by `compute`. A cache that cannot be written costs time and is no error.
    ///
    /// # Errors
    /// What `compute` returns.
    pub fn get_or_compute(&self, key: &Key, compute: impl FnOnce() -> Result<Array>) -> Result<Array> {
        if let Some(found) = self.get(key) {
            return Ok(found);
        }
        let array = compute()?;
        let _ = self.put(key, &array); // a full disk must not stop a training
        Ok(array)
    }

    /// The array of `key`; `None` when there is none or it is damaged.
    pub fn get(&self, key: &Key) -> Option<Array> {
        let key = key.digest();
        parse(&key, &std::fs::read(self.path(&key)).ok()?)
    }

    /// Stores an array.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] for more than eight dimensions; [`FaultKind::NotWritable`].
    pub fn put(&self, key: &Key, array: &Array) -> Result<()> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        if array.shape.len() > MOST_DIMENSIONS {
            return Err(Fault::new(FaultKind::BadRequest, &self.folder, "too many dimensions to store"));
        }
        let key = key.digest();
        let path = self.path(&key);
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let partial = path.with_extension(format!("{}.{number}.partial", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&partial)?;
            file.write_all(&entry(&key, array))?;
            file.sync_data()?; // a rename that survives a power cut must not name bytes that do not
            drop(file);
            std::fs::rename(&partial, &path)
        };
        write().map_err(|error| {
            let _ = std::fs::remove_file(&partial);
            Fault::write(&path, &error)
        })
    }

    /// Removes partial files that are older than `age`; returns how many.
    pub fn sweep(&self, age: Duration) -> usize {
        let mut removed = 0;
        let listing = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in listing(&self.folder).flat_map(|folder| listing(&folder.path()).collect::<Vec<_>>()) {
            let partial = entry.path().extension().is_some_and(|ending| ending == "partial");
            let old = entry
                .metadata()
                .and_then(|meta| meta.modified())
                .is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|passed| passed >= age));
            if partial && old && std::fs::remove_file(entry.path()).is_ok() {
                removed += 1;
            }
        }
        removed
    }

    fn path(&self, key: &[u8; 32]) -> PathBuf {
        let name: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(&name[..2]).join(format!("{name}.bca"))
    }
}

fn entry(key: &[u8; 32], array: &Array) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + 32 + 4 + 8 * array.shape.len() + 4 * array.values.len() + 32);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(&(array.shape.len() as u32).to_le_bytes());
    array.shape.iter().for_each(|length| bytes.extend_from_slice(&(*length as u64).to_le_bytes()));
    array.values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    let sum: [u8; 32] = Sha256::digest(&bytes).into();
    bytes.extend_from_slice(&sum);
    bytes
}

fn parse(key: &[u8; 32], bytes: &[u8]) -> Option<Array> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    let digest: [u8; 32] = Sha256::digest(body).into();
    if digest != *sum || body.get(..8)? != MAGIC || body.get(8..40)? != key {
        return None;
    }
    let dimensions = u32::from_le_bytes(body.get(40..44)?.try_into().ok()?) as usize;
    if dimensions > MOST_DIMENSIONS {
        return None;
    }
    let data = 44 + 8 * dimensions;
    let (lengths, _) = body.get(44..data)?.as_chunks::<8>();
    let shape: Vec<usize> = lengths
        .iter()
        .map(|length| usize::try_from(u64::from_le_bytes(*length)).ok())
        .collect::<Option<_>>()?;
    let count = shape.iter().try_fold(1usize, |product, length| product.checked_mul(*length))?;
    let (values, rest) = body.get(data..)?.as_chunks::<4>();
    (rest.is_empty() && values.len() == count)
        .then(|| Array { shape, values: values.iter().map(|value| f32::from_le_bytes(*value)).collect() })
}
