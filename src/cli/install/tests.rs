//! Tables: ranges against npm's own answers.

use super::want::{self, Want};

#[test]
fn semver_differential() {
    let text = std::fs::read_to_string("/tmp/semver.json").unwrap();
    let table: Vec<(String, Option<String>)> = serde_json::from_str(&text).unwrap();
    let versions: Vec<String> = serde_json::from_str(&std::fs::read_to_string("/tmp/versions.json").unwrap()).unwrap();
    let mut bad = 0;
    for (range, expected) in &table {
        let got: Option<String> = match Want::read(range) {
            Want::Tag(_) | Want::Unsupported(_) | Want::Alias{..} => None,
            w => Some(versions.iter().map(|v| {
                let v = want::version(v).unwrap();
                let ok = match &w { Want::Any => v.pre_release().is_empty(), w => w.takes(Some(&v)) };
                if ok { '1' } else { '0' }
            }).collect()),
        };
        if &got != expected { bad += 1; if bad < 80 { println!("{range:?}: npm {expected:?} ours {got:?}"); } }
    }
    println!("{bad} of {}", table.len());
}
