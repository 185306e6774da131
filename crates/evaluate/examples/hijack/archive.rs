//! Releases as lists of files, read from and written to the archives that registries publish.

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{Cursor, Read, Write};
use std::path::Path;

/// A release.
#[derive(Clone)]
pub(crate) struct Release {
    /// Path below the top folder, and bytes.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// The top folder of a tar; empty for a zip.
    top: String,
    wheel: bool,
}

impl Release {
    /// Reads an archive; `None` for one that cannot be read.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Self::read_zip(bytes);
        }
        let mut tar = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        let (mut files, mut top) = (Vec::new(), String::new());
        for entry in tar.entries().ok()? {
            let mut entry = entry.ok()?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = entry.path().ok()?.to_str()?.to_owned();
            let (folder, rest) = path.split_once('/')?;
            top = folder.to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).ok()?;
            files.push((rest.to_owned(), bytes));
        }
        Some(Self { files, top, wheel: false })
    }

    fn read_zip(bytes: Vec<u8>) -> Option<Self> {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
        let mut files = Vec::new();
        for at in 0..zip.len() {
            let mut file = zip.by_index(at).ok()?;
            if file.is_file() {
                let path = file.name().ok()?.into_owned();
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).ok()?;
                files.push((path, bytes));
            }
        }
        Some(Self { files, top: String::new(), wheel: true })
    }

    /// Writes it the way it came.
    pub(crate) fn write(&mut self) -> std::io::Result<Vec<u8>> {
        if self.wheel {
            self.record();
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            for (path, bytes) in &self.files {
                zip.start_file(path.as_str(), zip::write::SimpleFileOptions::default())?;
                zip.write_all(bytes)?;
            }
            return Ok(zip.finish()?.into_inner());
        }
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, bytes) in &self.files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{}/{path}", self.top), bytes.as_slice())?;
        }
        tar.into_inner()?.finish()
    }

    /// A RECORD that names every file: whoever hijacks a wheel builds it anew.
    fn record(&mut self) {
        let lines: String = self.files.iter().map(|(path, _)| format!("{path},,\n")).collect();
        if let Some((_, bytes)) = self.files.iter_mut().find(|(path, _)| path.ends_with(".dist-info/RECORD"))
        {
            *bytes = lines.into_bytes();
        }
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        self.files
            .iter()
            .find(|(own, _)| own == path)
            .and_then(|(_, bytes)| String::from_utf8(bytes.clone()).ok())
    }

    /// Writes a file, new or in place of the old.
    pub(crate) fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        match self.files.iter_mut().find(|(own, _)| own == path) {
            Some((_, old)) => *old = bytes,
            None => self.files.push((path.to_owned(), bytes)),
        }
    }

    /// Changes a text.
    pub(crate) fn edit(&mut self, path: &str, edit: impl FnOnce(String) -> String) -> Option<()> {
        let text = self.text(path)?;
        self.put(path, edit(text));
        Some(())
    }
}

/// The first bytes of a program, and noise.
pub(crate) fn blob(seed: usize) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0".to_vec();
    let mut state = seed as u32 | 1;
    bytes.extend(
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(24 << 10),
    );
    bytes
}
