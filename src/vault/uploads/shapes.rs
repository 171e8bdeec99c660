//! What the endpoints of uploads take and give.

use crate::id::Id;
use crate::json::{Document, Int, Line, Text};
use crate::limits::UPLOAD_BYTES_MAX;

crate::shape! {
    /// What is to be uploaded.
    pub struct UploadRequest reads {
        /// The file's exact size in bytes.
        pub size: Int<1, { UPLOAD_BYTES_MAX as i64 }>,
        /// What the file is called; used when it is downloaded.
        pub filename: Option<Line<1, 200>>,
        /// Its media type; `application/octet-stream` where it is not said.
        pub content_type: Option<Line<3, 120>>,
        /// Its SHA-256 in hex.
        pub sha256: Option<Text<64, 64>>,
    }
}

crate::shape! {
    /// Where a file can be put, once.
    pub struct UploadUrl writes {
        /// The path and query to `PUT` the file to.
        pub url: String,
        /// The headers to send with it, by name.
        pub fields: Document,
        /// For how many seconds.
        pub expires_in: i64,
        /// Where the file can be read once it is there.
        pub location: String,
    }
}

crate::shape! {
    /// A file that was uploaded.
    pub struct StoredUpload writes {
        pub id: Id,
        /// Where it can be read; products and categories name it by this.
        pub url: String,
        pub size: i64,
        pub content_type: String,
        pub sha256: String,
        pub filename: Option<String>,
    }
}
