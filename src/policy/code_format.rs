//! The code format of each system, with its check digit if it has one, so that start-up detects a typo in a value set.
//! Not here: whether the code exists.

/// A predicate: whether a text has the format of a system's codes.
pub(crate) type CodeFormat = fn(&str) -> bool;

/// The format with a name from `policy.toml`.
pub(crate) fn of_name(name: &str) -> Option<CodeFormat> {
    match name {
        "cpt" => Some(is_cpt),
        "hcpcs" => Some(is_hcpcs),
        "icd-10-cm" => Some(is_icd10cm),
        "snomed-ct" => Some(is_snomed),
        "loinc" => Some(is_loinc),
        "number" => Some(is_number),
        "icd-10-pcs" => Some(is_icd10pcs),
        "letters-and-digits" => Some(is_alphanumeric),
        "word" => Some(is_word),
        _ => None,
    }
}

fn is_cpt(code: &str) -> bool {
    let (digits, last) = code.split_at_checked(4).unwrap_or(("", ""));
    is_number(digits) && last.len() == 1 && last.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'F' | b'T' | b'U' | b'M'))
}

fn is_hcpcs(code: &str) -> bool {
    let (letter, digits) = code.split_at_checked(1).unwrap_or(("", ""));
    letter.bytes().all(|byte| matches!(byte, b'A'..=b'V')) && digits.len() == 4 && is_number(digits)
}

/// A category of three characters, then at most four more after a point. With a trailing `*`, a prefix of a code, as
/// short as its first letter.
fn is_icd10cm(code: &str) -> bool {
    if let Some(prefix) = code.strip_suffix('*') {
        const ANY: &str = "A00";
        let filled = format!("{prefix}{}", ANY.get(prefix.len()..).unwrap_or_default());
        return !prefix.is_empty() && is_icd10cm(&filled);
    }
    let (category, rest) = code.split_at_checked(3).unwrap_or(("", code));
    let category_is_right = category.bytes().enumerate().all(|(place, byte)| match place {
        0 => byte.is_ascii_uppercase(),
        1 => byte.is_ascii_digit(),
        _ => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
    });
    let subdivision = rest.strip_prefix('.');
    let rest_is_right = rest.is_empty() || subdivision.is_some_and(|rest| (1..=4).contains(&rest.len()) && is_uppercase_alphanumeric(rest));
    category.len() == 3 && category_is_right && rest_is_right
}

fn is_number(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_uppercase_alphanumeric(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// Seven letters and digits, without the letters I and O.
fn is_icd10pcs(code: &str) -> bool {
    code.len() == 7 && is_uppercase_alphanumeric(code) && !code.contains(['I', 'O'])
}

/// Letters and digits, or a prefix of them with a trailing `*`.
fn is_alphanumeric(code: &str) -> bool {
    let code = code.strip_suffix('*').unwrap_or(code);
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_word(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// SNOMED CT: 6 to 18 digits, the last a Verhoeff check digit.
fn is_snomed(code: &str) -> bool {
    (6..=18).contains(&code.len()) && is_number(code) && verhoeff(code) == 0
}

/// LOINC: digits, a hyphen and a Luhn check digit.
fn is_loinc(code: &str) -> bool {
    let Some((number, check)) = code.split_once('-') else { return false };
    is_number(number) && check.parse().is_ok_and(|check: u32| check == luhn(number))
}

fn luhn(number: &str) -> u32 {
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            let weighted = if place % 2 == 0 { digit * 2 } else { digit };
            weighted / 10 + weighted % 10
        })
        .sum();
    (10 - sum % 10) % 10
}

/// Verhoeff's checksum in the dihedral group of order ten: 0 for a valid number.
fn verhoeff(number: &str) -> u8 {
    number.bytes().rev().enumerate().fold(0, |sum, (place, byte)| dihedral_product(sum, permuted(byte.wrapping_sub(b'0'), place % 8)))
}

/// The product of two elements of the dihedral group: 0–4 rotate, 5–9 reflect.
fn dihedral_product(left: u8, right: u8) -> u8 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => (left + right - 5) % 5 + 5,
        (false, true) => (left + 5 - right) % 5 + 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

/// Applies Verhoeff's permutation (1 5 8 9 4 2 7 0)(3 6) `times` times.
fn permuted(digit: u8, times: usize) -> u8 {
    (0..times).fold(digit, |digit, _| match digit {
        0 => 1,
        1 => 5,
        2 => 7,
        3 => 6,
        4 => 2,
        5 => 8,
        6 => 3,
        7 => 0,
        8 => 9,
        _ => 4,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_takes_its_own_codes_and_refuses_slips() {
        let table: [(&str, &[&str], &[&str]); 6] = [
            ("cpt", &["27096", "0213T"], &["2709", "270966", "27O96", ""]),
            ("hcpcs", &["G0260", "S9117"], &["0260G", "G026", "g0260"]),
            (
                "icd-10-cm",
                &["M46.1", "M54.5", "I10", "S32.10*", "O*", "M45.AB", "Z79.1"],
                &["M4", "*", "46*", "M46.", "46.1", "M46.12345", "m46.1"],
            ),
            ("snomed-ct", &["39723000", "27813003", "10828004", "7771000"], &["39723001", "72333000", "1234", "3972300O"]),
            ("loinc", &["72514-3", "38208-5"], &["72514-4", "72514", "-3"]),
            ("number", &["5640"], &["56a", ""]),
        ];
        for (name, right, wrong) in table {
            let format = of_name(name).expect("a known format");
            for code in right {
                assert!(format(code), "{name} takes {code}");
            }
            for code in wrong {
                assert!(!format(code), "{name} refuses {code}");
            }
        }
    }
}
