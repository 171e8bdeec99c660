//! Runs every Autobahn case without sockets: as written, octet by octet, and a step at a time.

use thirteen::http::websocket::Phase;

use crate::cases::{Case, cases};
use crate::echo::Echo;
use crate::replies::{self, Reply};

fn run(case: &Case, manner: &str) {
    let about = format!("case {} ({}), {manner}", case.id, case.what);
    let mut echo = Echo::new(MESSAGE_BYTES_MAX);
    let mut has_closed = false;
    for (index, step) in case.steps.iter().enumerate() {
        let sent: Vec<u8> = step
            .writes
            .iter()
            .flat_map(|write| echo.receive(write))
            .collect();
        let (replies, consumed_bytes) = replies::read(&sent);
        assert_eq!(replies, step.replies, "{about}, step {index}");
        assert_eq!(
            consumed_bytes,
            sent.len(),
            "{about}, step {index}: whole frames"
        );
        has_closed |= matches!(step.replies.last(), Some(Reply::Close(_)));
        let phase = if has_closed { Phase::Over } else { Phase::Open };
        assert_eq!(echo.phase(), phase, "{about}, step {index}");
    }
    assert!(has_closed, "{about}: every case ends with a close frame");
    assert_eq!(echo.buffered_bytes(), 0, "{about}: nothing is kept");
}

fn run_by_name(name: &str) {
    let id = name.trim_start_matches("case_").replace('_', ".");
    let case = cases()
        .into_iter()
        .find(|case| case.id == id)
        .expect("the table has the case");
    run(&case, "as written");
    run(&case.octet_wise(), "octet by octet");
    run(&case.coalesced(), "a step at a time");
}

macro_rules! tests {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                run_by_name(stringify!($name));
            }
        )*
    };
}

/// More than the longest message of any case, 256 KiB.
const MESSAGE_BYTES_MAX: u32 = 1 << 20;

#[rustfmt::skip]
tests! {
    case_1_1_1 case_1_1_2 case_1_1_3 case_1_1_4 case_1_1_5 case_1_1_6 case_1_1_7 case_1_1_8
    case_1_2_1 case_1_2_2 case_1_2_3 case_1_2_4 case_1_2_5 case_1_2_6 case_1_2_7 case_1_2_8
    case_2_1 case_2_2 case_2_3 case_2_4 case_2_5 case_2_6 case_2_7 case_2_8 case_2_9 case_2_10
    case_2_11
    case_3_1 case_3_2 case_3_3 case_3_4 case_3_5 case_3_6 case_3_7
    case_4_1_1 case_4_1_2 case_4_1_3 case_4_1_4 case_4_1_5
    case_4_2_1 case_4_2_2 case_4_2_3 case_4_2_4 case_4_2_5
    case_5_1 case_5_2 case_5_3 case_5_4 case_5_5 case_5_6 case_5_7 case_5_8 case_5_9 case_5_10
    case_5_11 case_5_12 case_5_13 case_5_14 case_5_15 case_5_16 case_5_17 case_5_18 case_5_19
    case_5_20
    case_6_1_1 case_6_1_2 case_6_1_3
    case_6_2_1 case_6_2_2 case_6_2_3 case_6_2_4
    case_6_3_1 case_6_3_2
    case_6_4_1 case_6_4_2 case_6_4_3 case_6_4_4
    case_6_5_1 case_6_5_2 case_6_5_3 case_6_5_4 case_6_5_5
    case_6_6_1 case_6_6_2 case_6_6_3 case_6_6_4 case_6_6_5 case_6_6_6 case_6_6_7 case_6_6_8
    case_6_6_9 case_6_6_10 case_6_6_11
    case_6_7_1 case_6_7_2 case_6_7_3 case_6_7_4
    case_6_8_1 case_6_8_2
    case_6_9_1 case_6_9_2 case_6_9_3 case_6_9_4
    case_6_10_1 case_6_10_2 case_6_10_3
    case_6_11_1 case_6_11_2 case_6_11_3 case_6_11_4 case_6_11_5
    case_6_12_1 case_6_12_2 case_6_12_3 case_6_12_4 case_6_12_5 case_6_12_6 case_6_12_7 case_6_12_8
    case_6_13_1 case_6_13_2 case_6_13_3 case_6_13_4 case_6_13_5
    case_6_14_1 case_6_14_2 case_6_14_3 case_6_14_4 case_6_14_5 case_6_14_6 case_6_14_7 case_6_14_8
    case_6_14_9 case_6_14_10
    case_6_15_1
    case_6_16_1 case_6_16_2 case_6_16_3
    case_6_17_1 case_6_17_2 case_6_17_3 case_6_17_4 case_6_17_5
    case_6_18_1 case_6_18_2 case_6_18_3 case_6_18_4 case_6_18_5
    case_6_19_1 case_6_19_2 case_6_19_3 case_6_19_4 case_6_19_5
    case_6_20_1 case_6_20_2 case_6_20_3 case_6_20_4 case_6_20_5 case_6_20_6 case_6_20_7
    case_6_21_1 case_6_21_2 case_6_21_3 case_6_21_4 case_6_21_5 case_6_21_6 case_6_21_7 case_6_21_8
    case_6_22_1 case_6_22_2 case_6_22_3 case_6_22_4 case_6_22_5 case_6_22_6 case_6_22_7 case_6_22_8
    case_6_22_9 case_6_22_10 case_6_22_11 case_6_22_12 case_6_22_13 case_6_22_14 case_6_22_15
    case_6_22_16 case_6_22_17 case_6_22_18 case_6_22_19 case_6_22_20 case_6_22_21 case_6_22_22
    case_6_22_23 case_6_22_24 case_6_22_25 case_6_22_26 case_6_22_27 case_6_22_28 case_6_22_29
    case_6_22_30 case_6_22_31 case_6_22_32 case_6_22_33 case_6_22_34
    case_6_23_1 case_6_23_2 case_6_23_3 case_6_23_4 case_6_23_5 case_6_23_6 case_6_23_7
    case_7_1_1 case_7_1_2 case_7_1_3 case_7_1_4 case_7_1_5 case_7_1_6
    case_7_3_1 case_7_3_2 case_7_3_3 case_7_3_4 case_7_3_5 case_7_3_6
    case_7_5_1
    case_7_7_1 case_7_7_2 case_7_7_3 case_7_7_4 case_7_7_5 case_7_7_6 case_7_7_7 case_7_7_8
    case_7_7_9 case_7_7_10 case_7_7_11 case_7_7_12 case_7_7_13
    case_7_9_1 case_7_9_2 case_7_9_3 case_7_9_4 case_7_9_5 case_7_9_6 case_7_9_7 case_7_9_8
    case_7_9_9
    case_7_13_1 case_7_13_2
    case_10_1_1
}

#[test]
fn every_case_of_the_table_has_a_test() {
    let named: Vec<String> = cases()
        .iter()
        .map(|case| format!("case_{}", case.id.replace('.', "_")))
        .collect();
    assert_eq!(named, NAMES);
}
