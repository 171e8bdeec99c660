//! Dates as HTTP and JSON write them. Two fixed forms of UTC: shorter than a calendar library.

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7), for the Date header.
pub fn http_date(unix_seconds: u64) -> [u8; 29] {
    let moment = Moment::new(unix_seconds);
    let mut text = *b"Www, dd Mmm yyyy hh:mm:ss GMT";
    text[0..3].copy_from_slice(&WEEKDAYS[moment.weekday]);
    two_digits(&mut text[5..7], moment.day);
    text[8..11].copy_from_slice(&MONTHS[moment.month as usize - 1]);
    two_digits(&mut text[12..14], moment.year / 100);
    two_digits(&mut text[14..16], moment.year % 100);
    two_digits(&mut text[17..19], moment.hour);
    two_digits(&mut text[20..22], moment.minute);
    two_digits(&mut text[23..25], moment.second);
    text
}

/// `2023-11-14T22:13:20.000Z` (RFC 3339 in milliseconds), for JSON.
pub fn rfc3339_ms(unix_ms: u64) -> [u8; 24] {
    let moment = Moment::new(unix_ms / 1000);
    let millisecond = (unix_ms % 1000) as u32;
    let mut text = *b"yyyy-mm-ddThh:mm:ss.mmmZ";
    two_digits(&mut text[0..2], moment.year / 100);
    two_digits(&mut text[2..4], moment.year % 100);
    two_digits(&mut text[5..7], moment.month);
    two_digits(&mut text[8..10], moment.day);
    two_digits(&mut text[11..13], moment.hour);
    two_digits(&mut text[14..16], moment.minute);
    two_digits(&mut text[17..19], moment.second);
    text[20] = b'0' + (millisecond / 100) as u8;
    two_digits(&mut text[21..23], millisecond % 100);
    text
}

struct Moment {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    /// 0 is Sunday.
    weekday: usize,
}

impl Moment {
    /// Years have four digits in both forms: later times are held at the end of 9999.
    fn new(unix_seconds: u64) -> Moment {
        let seconds = unix_seconds.min(END_OF_9999);
        let days = (seconds / 86_400) as u32;
        let second_of_day = (seconds % 86_400) as u32;
        let (year, month, day) = civil_from_days(days);
        Moment {
            year,
            month,
            day,
            hour: second_of_day / 3600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
            weekday: (days as usize + THURSDAY) % 7,
        }
    }
}

const WEEKDAYS: [[u8; 3]; 7] = [
    *b"Sun", *b"Mon", *b"Tue", *b"Wed", *b"Thu", *b"Fri", *b"Sat",
];
const MONTHS: [[u8; 3]; 12] = [
    *b"Jan", *b"Feb", *b"Mar", *b"Apr", *b"May", *b"Jun", *b"Jul", *b"Aug", *b"Sep", *b"Oct",
    *b"Nov", *b"Dec",
];
/// The weekday of 1 January 1970.
const THURSDAY: usize = 4;
const END_OF_9999: u64 = 253_402_300_799;
const DAYS_PER_ERA: u32 = 146_097;
/// From 1 March of the year 0 to 1 January 1970.
const DAYS_TO_EPOCH: u32 = 719_468;

/// Year, month and day of a day since 1970. Years are taken from March on, so that the leap day
/// is a year's last (H. Hinnant, "chrono-compatible low-level date algorithms").
fn civil_from_days(days: u32) -> (u32, u32, u32) {
    let days = days + DAYS_TO_EPOCH;
    let era = days / DAYS_PER_ERA;
    let day_of_era = days % DAYS_PER_ERA;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u32::from(month <= 2);
    (year, month, day)
}

fn two_digits(place: &mut [u8], number: u32) {
    place[0] = b'0' + (number / 10) as u8;
    place[1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        // From `date -u -d @N`; the second is the example of RFC 9110.
        for (unix_seconds, http, rfc3339) in [
            (
                0,
                "Thu, 01 Jan 1970 00:00:00 GMT",
                "1970-01-01T00:00:00.000Z",
            ),
            (
                784_111_777,
                "Sun, 06 Nov 1994 08:49:37 GMT",
                "1994-11-06T08:49:37.000Z",
            ),
            (
                951_782_399,
                "Mon, 28 Feb 2000 23:59:59 GMT",
                "2000-02-28T23:59:59.000Z",
            ),
            (
                951_782_400,
                "Tue, 29 Feb 2000 00:00:00 GMT",
                "2000-02-29T00:00:00.000Z",
            ),
            (
                1_700_000_000,
                "Tue, 14 Nov 2023 22:13:20 GMT",
                "2023-11-14T22:13:20.000Z",
            ),
            (
                1_709_251_199,
                "Thu, 29 Feb 2024 23:59:59 GMT",
                "2024-02-29T23:59:59.000Z",
            ),
            (
                4_107_542_400,
                "Mon, 01 Mar 2100 00:00:00 GMT",
                "2100-03-01T00:00:00.000Z",
            ),
            (
                END_OF_9999,
                "Fri, 31 Dec 9999 23:59:59 GMT",
                "9999-12-31T23:59:59.000Z",
            ),
            (
                u64::MAX / 1000,
                "Fri, 31 Dec 9999 23:59:59 GMT",
                "9999-12-31T23:59:59.000Z",
            ),
        ] {
            assert_eq!(std::str::from_utf8(&http_date(unix_seconds)).unwrap(), http);
            let text = rfc3339_ms(unix_seconds * 1000);
            assert_eq!(std::str::from_utf8(&text).unwrap(), rfc3339);
        }
    }

    #[test]
    fn milliseconds_have_three_digits() {
        for (millisecond, digits) in [(0, "000"), (7, "007"), (42, "042"), (999, "999")] {
            let text = rfc3339_ms(1_700_000_000_000 + millisecond);
            assert_eq!(std::str::from_utf8(&text[20..23]).unwrap(), digits);
        }
    }

    #[test]
    fn days_follow_each_other_for_four_centuries() {
        let lengths = |year: u32| {
            let leap =
                year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
            [
                31,
                if leap { 29 } else { 28 },
                31,
                30,
                31,
                30,
                31,
                31,
                30,
                31,
                30,
                31,
            ]
        };
        let mut expected = (1970, 1, 1);
        for day in 0..DAYS_PER_ERA {
            assert_eq!(civil_from_days(day), expected);
            let (year, month, day) = expected;
            expected = if day < lengths(year)[month as usize - 1] {
                (year, month, day + 1)
            } else if month < 12 {
                (year, month + 1, 1)
            } else {
                (year + 1, 1, 1)
            };
        }
    }
}
