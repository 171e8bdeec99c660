//! The hash that names an upstream registry by its URL.

/// The CRC-32 (ISO-HDLC) of a URL with scheme and host in lower case and no trailing slash.
///
/// Ports, user names, paths and queries keep their case, since they may depend on it. A text
/// without `://` is read as a host with a path.
pub fn registry_hash_of_url(url: &str) -> u32 {
    let host_at = url.find("://").map_or(0, |colon| colon + 3);
    let authority_end = url[host_at..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |length| host_at + length);
    let user_end = url[host_at..authority_end]
        .rfind('@')
        .map_or(host_at, |at| host_at + at + 1);
    let mut hasher = crc32fast::Hasher::new();
    update_lower_case(&mut hasher, &url.as_bytes()[..host_at]);
    hasher.update(&url.as_bytes()[host_at..user_end]);
    update_lower_case(&mut hasher, &url.as_bytes()[user_end..authority_end]);
    hasher.update(url[authority_end..].trim_end_matches('/').as_bytes());
    hasher.finalize()
}

fn update_lower_case(hasher: &mut crc32fast::Hasher, text: &[u8]) {
    let mut lowered = [0; 64];
    for part in text.chunks(lowered.len()) {
        let lowered = &mut lowered[..part.len()];
        lowered.copy_from_slice(part);
        lowered.make_ascii_lowercase();
        hasher.update(lowered);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// CRC-32/ISO-HDLC a bit at a time.
    fn oracle(bytes: &[u8]) -> u32 {
        let mut sum = u32::MAX;
        for byte in bytes {
            sum ^= u32::from(*byte);
            for _ in 0..8 {
                sum = (sum >> 1) ^ (0xedb8_8320 * (sum & 1));
            }
        }
        !sum
    }

    #[test]
    fn the_check_value_and_the_public_registry() {
        assert_eq!(registry_hash_of_url("123456789"), 0xcbf4_3926);
        assert_eq!(
            registry_hash_of_url("https://registry.npmjs.org"),
            oracle(b"https://registry.npmjs.org")
        );
    }

    #[test]
    fn scheme_and_host_fold_and_the_rest_does_not() {
        let table = [
            ("HTTPS://Registry.NPMjs.ORG/", "https://registry.npmjs.org"),
            ("https://registry.npmjs.org//", "https://registry.npmjs.org"),
            ("https://Host:4873/Path/", "https://host:4873/Path"),
            (
                "https://User:PassWord@HOST/A",
                "https://User:PassWord@host/A",
            ),
            ("HTTP://HOST?Q=A", "http://host?Q=A"),
            ("HTTP://HOST#A", "http://host#A"),
            ("https://a@B/@Scope/", "https://a@b/@Scope"),
            ("http://[FE80::1]:80/", "http://[fe80::1]:80"),
            ("Host/Path", "host/Path"),
            ("", ""),
        ];
        for (url, normal) in table {
            assert_eq!(
                registry_hash_of_url(url),
                oracle(normal.as_bytes()),
                "{url}"
            );
        }
        let long = "https://".to_string() + &"AbC.".repeat(100);
        assert_eq!(
            registry_hash_of_url(&long),
            oracle(long.to_lowercase().as_bytes())
        );
    }

    proptest! {
        #[test]
        fn any_text_is_hashed_and_a_slash_more_changes_nothing(url in "\\PC{0,80}") {
            let hash = registry_hash_of_url(&url);
            if !url.contains(['?', '#']) && !url.ends_with(':') && !url.ends_with(":/") {
                prop_assert_eq!(hash, registry_hash_of_url(&(url + "/")));
            }
        }
    }
}
