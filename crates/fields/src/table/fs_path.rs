//! Fields of the paths that calls are given.

use super::fields;

fields! {
    /// Fields of paths.
    FsPath {
    Name      "fs.path.name"      CharBuf Natural [] "The path of a call that has one, absolute: what is opened, removed, changed."
    NameRaw   "fs.path.nameraw"   CharBuf Natural [] "The same path as the call was given it."
    Source    "fs.path.source"    CharBuf Natural [] "The old path of a rename; the new name of a link; the device of a mount. Absolute."
    SourceRaw "fs.path.sourceraw" CharBuf Natural [] "The same path as the call was given it."
    Target    "fs.path.target"    CharBuf Natural [] "The new path of a rename; what a link points to; the place of a mount. Absolute."
    TargetRaw "fs.path.targetraw" CharBuf Natural [] "The same path as the call was given it."
    }
}
