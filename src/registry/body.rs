//! Bodies of requests that npm's clients make: JSON with fields that come and go between their
//! versions, so that what is not known is passed over.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;

use crate::http::{Exchange, Problem};

/// Reads a body.
///
/// # Errors
/// 400 where it is not what was asked for.
pub async fn read_json<T: DeserializeOwned>(exchange: &mut Exchange<'_>) -> Result<T, Problem> {
    let body = exchange.collect().await?;
    parse(&body)
}

/// Reads JSON.
///
/// # Errors
/// 400 where it is not what was asked for.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|fault| Problem::new(400, format!("The body: {fault}.")))
}

/// Takes the coding off a body that is no longer than so many bytes without it. It takes a while
/// for a long one.
///
/// # Errors
/// 400 where it is damaged, 413 where it is longer, 415 for a coding that is not known.
pub fn inflate(coding: Option<&[u8]>, body: Vec<u8>, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    match coding {
        None | Some(b"identity") => Ok(body),
        Some(b"gzip" | b"x-gzip") => {
            let mut plain = Vec::new();
            let mut reader = MultiGzDecoder::new(&*body).take(bytes_max as u64 + 1);
            let read = reader.read_to_end(&mut plain);
            read.map_err(|_| Problem::new(400, "The body is no gzip."))?;
            match plain.len() > bytes_max {
                true => Err(Problem::new(413, "The body is longer than is taken.")),
                false => Ok(plain),
            }
        }
        Some(_) => Err(Problem::new(
            415,
            "A body may be coded with gzip or not at all.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_body_is_inflated_up_to_its_bound() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&[7; 1000]).unwrap();
        let coded = encoder.finish().unwrap();
        let status = |result: Result<Vec<u8>, Problem>| result.unwrap_err().status;
        let gzip = Some(b"gzip".as_slice());
        assert_eq!(inflate(gzip, coded.clone(), 1000).unwrap(), [7; 1000]);
        assert_eq!(status(inflate(gzip, coded.clone(), 999)), 413);
        assert_eq!(status(inflate(gzip, coded[..20].to_vec(), 1000)), 400);
        assert_eq!(status(inflate(Some(b"br"), coded, 1000)), 415);
        assert_eq!(inflate(None, vec![1], 1).unwrap(), [1]);
    }
}
