//! From the arguments of the command line to pictures.

use anyhow::{Result, bail};
use glimpse_bundle::image::{EXTENSIONS, ImageError, Listing, is_special, list_folder};
use glimpse_runtime::Photo;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

/// A picture to caption, or an argument that does not lead to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Stdin,
    File(PathBuf),
    Missing { argument: PathBuf, reason: String },
}

impl Input {
    /// The name that the outputs use.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".into(),
            Self::File(path) | Self::Missing { argument: path, .. } => path.display().to_string(),
        }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Stdin | Self::Missing { .. } => None,
        }
    }

    /// The photo, which is read when it is needed. An argument that does not lead to a picture becomes a photo whose
    /// reading fails. A pipe is read if it was named; in a folder or glob it is refused.
    pub fn photo(&self) -> Photo {
        let reader = |open: Box<dyn FnOnce() -> io::Result<Box<dyn Read>> + Send>| Photo::Reader(open);
        match self {
            Self::Stdin => reader(Box::new(|| {
                let mut stdin = io::stdin().lock();
                if stdin.fill_buf()?.is_empty() {
                    return Err(io::Error::other("standard input is empty"));
                }
                Ok(Box::new(stdin))
            })),
            Self::File(path) if is_special(path) => {
                let path = path.clone();
                reader(Box::new(|| Ok(Box::new(File::open(path)?))))
            }
            Self::File(path) => Photo::Path(path.clone()),
            Self::Missing { reason, .. } => {
                let reason = reason.clone();
                reader(Box::new(|| Err(io::Error::other(reason))))
            }
        }
    }
}

/// Expands files, folders (their pictures, sorted, without those of inner folders), globs, and `-`.
pub fn expand(arguments: &[PathBuf]) -> Result<Vec<Input>> {
    if arguments.iter().filter(|argument| argument.as_os_str() == "-").count() > 1 {
        bail!("- stands for standard input, which holds one picture: give it once");
    }
    let mut inputs = Vec::new();
    for argument in arguments {
        let missing = |reason: String| Input::Missing { argument: argument.clone(), reason };
        if argument.as_os_str() == "-" {
            inputs.push(Input::Stdin);
        } else if argument.is_dir() {
            match list_folder(argument) {
                Ok(listing) => inputs.extend(in_folder(argument, listing)),
                Err(error) => inputs.push(missing(error.to_string())),
            }
        } else if let Some(pattern) = as_pattern(argument) {
            match glob::glob(pattern) {
                Ok(paths) => {
                    let before = inputs.len();
                    inputs.extend(paths.filter_map(|path| match path {
                        Ok(path) if path.is_dir() => None,
                        Ok(path) if is_special(&path) => Some(refused(path, &ImageError::NotAFile)),
                        Ok(path) => Some(Input::File(path)),
                        Err(error) => Some(Input::Missing {
                            argument: error.path().to_path_buf(),
                            reason: error.error().to_string(),
                        }),
                    }));
                    if inputs.len() == before {
                        inputs.push(missing("no file matches".into()));
                    }
                }
                Err(error) => inputs.push(missing(format!("not a pattern: {error}"))),
            }
        } else {
            inputs.push(Input::File(argument.clone()));
        }
    }
    Ok(inputs)
}

/// The pictures of a folder, then its files that cannot be read, each with the reason.
fn in_folder(folder: &Path, listing: Listing) -> Vec<Input> {
    let Listing { pictures, unreadable, special, folders, .. } = listing;
    let mut inputs: Vec<_> = pictures.into_iter().map(Input::File).collect();
    inputs.extend(unreadable.into_iter().map(|path| refused(path, &ImageError::UnsupportedFormat)));
    inputs.extend(special.into_iter().map(|path| refused(path, &ImageError::NotAFile)));
    if inputs.is_empty() {
        let mut reason = format!("the folder holds no picture ({})", EXTENSIONS.join(", "));
        if !folders.is_empty() {
            reason += &format!("; the {} folders in it are not searched, name them", folders.len());
        }
        inputs.push(Input::Missing { argument: folder.to_path_buf(), reason });
    }
    inputs
}

fn refused(path: PathBuf, reason: &ImageError) -> Input {
    Input::Missing { argument: path, reason: reason.to_string() }
}

/// The argument as a glob, unless a file has exactly this name.
fn as_pattern(argument: &Path) -> Option<&str> {
    let text = argument.to_str()?;
    (text.contains(['*', '?', '[']) && !argument.exists()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(inputs: &[Input], base: &Path) -> Vec<String> {
        inputs.iter().map(|input| input.name().replace(&base.display().to_string(), "")).collect()
    }

    #[test]
    fn arguments_become_pictures_in_order() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path();
        for folder in ["some", "some/deeper", "none"] {
            fs::create_dir(base.join(folder)).unwrap();
        }
        for file in ["some/b.PNG", "some/a.jpg", "some/notes.txt", "some/deeper/c.jpg", "od[d].jpg"] {
            fs::write(base.join(file), "x").unwrap();
        }
        let arguments = ["some", "od[d].jpg", "none", "some/*.jpg", "*.gif", "absent.jpg", "some/[.jpg"];
        let mut arguments: Vec<_> = arguments.iter().map(|argument| base.join(argument)).collect();
        arguments.push("-".into());
        let inputs = expand(&arguments).unwrap();
        let expected = [
            "/some/a.jpg",
            "/some/b.PNG",
            "/od[d].jpg",
            "/none",
            "/some/a.jpg",
            "/*.gif",
            "/absent.jpg",
            "/some/[.jpg",
            "-",
        ];
        assert_eq!(names(&inputs, base), expected);
        let missing = inputs.iter().filter(|input| matches!(input, Input::Missing { .. })).cloned();
        assert_eq!(names(&missing.collect::<Vec<_>>(), base), ["/none", "/*.gif", "/some/[.jpg"]);
        let read = |input: &Input| match input.photo() {
            Photo::Path(path) => fs::read(path),
            Photo::Reader(open) => open().and_then(|mut stream| {
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).map(|_| bytes)
            }),
            other => panic!("{other:?}"),
        };
        assert_eq!(read(&inputs[1]).unwrap(), b"x");
        assert!(read(&inputs[3]).unwrap_err().to_string().contains("holds no picture"));
        assert!(read(&inputs[6]).is_err());
    }

    #[test]
    fn files_of_a_folder_that_are_not_read_are_named() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path();
        fs::create_dir_all(base.join("outer/inner")).unwrap();
        for file in ["a.jfif", "b.HEIC", "notes.txt"] {
            fs::write(base.join(file), "x").unwrap();
        }
        let inputs = expand(&[base.to_path_buf(), base.join("outer")]).unwrap();
        assert_eq!(names(&inputs, base), ["/a.jfif", "/b.HEIC", "/outer"]);
        let reasons = [1, 2].map(|index| match &inputs[index] {
            Input::Missing { reason, .. } => reason.clone(),
            other => panic!("{other:?}"),
        });
        assert!(reasons[0].starts_with("only JPEG, PNG"), "{}", reasons[0]);
        assert!(reasons[1].ends_with("; the 1 folders in it are not searched, name them"), "{}", reasons[1]);
    }

    #[test]
    fn standard_input_holds_one_picture() {
        assert!(expand(&["-".into(), "-".into()]).is_err());
    }
}
