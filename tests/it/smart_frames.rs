//! Which browser a session of the SMART app belongs to: sessions of frames without cookies, and cookies that somebody planted. Not here:
//! the app in use ([`super::smart_app`]).

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::opened_app::{AppAtWork, Surfer, at_work, opened, surfer};
use crate::support::{Answer, story};

/// A browser in a frame that blocks cookies.
fn framed() -> Surfer {
    Surfer { blocks_cookies: true, ..surfer() }
}

/// A browser's request of a page with these Fetch Metadata.
async fn fetched(work: &AppAtWork, surfer: &Surfer, address: &str, metadata: &[(&str, &str)]) -> Answer {
    let request = metadata.iter().fold(Request::get(address), |request, (name, value)| request.header(*name, *value));
    work.app.http.send(surfer.request(request).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_session_begun_in_a_frame_without_a_cookie_opens_in_a_frame_alone() {
    let (work, mut own) = (at_work().await, framed());
    let (address, _) = opened(&work, &mut own).await;
    let (destination, site) = ("sec-fetch-dest", "sec-fetch-site");
    let outside = Surfer { blocks_cookies: false, ..own.clone() };
    let mut with_a_cookie = outside.clone();
    work.launch(&mut with_a_cookie).await;
    let metadata: [(&[(&str, &str)], u16); 14] = [
        (&[(destination, "iframe"), (site, "cross-site")], 200),
        (&[(destination, "iframe"), (site, "same-origin")], 200),
        (&[(destination, "frame")], 200),
        (&[(destination, "object")], 200),
        (&[(destination, "empty"), (site, "same-origin")], 200),
        (&[(destination, "document"), (site, "none")], 403),
        (&[(destination, "document"), (site, "same-origin")], 403),
        (&[(destination, "empty"), (site, "same-site")], 403),
        (&[(destination, "empty"), (site, "cross-site")], 403),
        (&[(destination, "empty")], 403),
        (&[(destination, "image"), (site, "same-origin")], 403),
        (&[(destination, "IFRAME")], 403),
        (&[(site, "same-origin")], 403),
        (&[], 403),
    ];
    for (metadata, expected) in metadata {
        for surfer in [&outside, &with_a_cookie] {
            assert_eq!(fetched(&work, surfer, &address, metadata).await.status, expected, "{metadata:?}");
        }
        let elsewhere = Surfer { agent: "browser/2", ..outside.clone() };
        assert_eq!(fetched(&work, &elsewhere, &address, metadata).await.status, 403, "another browser: {metadata:?}");
    }
}

#[tokio::test]
async fn a_launch_in_a_frame_without_a_cookie_ends_in_a_frame_alone() {
    let (work, own) = (at_work().await, framed());
    for (callback, expected) in [(own.clone(), 303), (Surfer { blocks_cookies: false, ..own.clone() }, 403)] {
        let begun = work.launch(&mut own.clone()).await;
        assert_eq!(work.come_back(&callback, &begun, &json!(null)).await.status, expected);
    }
}

/// Cookies that this service did not issue to this host: as a neighbour below the same domain can plant them, or made up.
async fn planted(own: &str) -> Vec<String> {
    let other = at_work().await;
    let mut elsewhere = surfer();
    other.launch(&mut elsewhere).await;
    let (name, value) = own.split_once('=').unwrap();
    let random = "A".repeat(43);
    vec![
        elsewhere.cookie.unwrap(),
        format!("{}={value}", name.strip_prefix("__Host-").unwrap()),
        format!("{}={random}", name.strip_prefix("__Host-").unwrap()),
        format!("{name}={random}"),
        format!("{name}={random}{random}"),
        format!("{name}={}", value.chars().rev().collect::<String>()),
        format!("{name}={}", &value[..43]),
        format!("{name}={value}A"),
    ]
}

#[tokio::test]
async fn a_planted_cookie_changes_nothing() {
    let (work, mut own) = (at_work().await, surfer());
    let (address, _) = opened(&work, &mut own).await;
    let cookie = own.cookie.clone().unwrap();
    let all = planted(&cookie).await;
    let mut sets: Vec<String> = all.clone();
    sets.push(all.join("; "));
    for planted in sets {
        let with = |surfer: &Surfer, cookie: String| Surfer { cookie: Some(cookie), ..surfer.clone() };
        // A session needs its own cookie, whatever else is there.
        assert_eq!(work.get(&with(&own, planted.clone()), &address).await.status, 403, "{planted}");
        assert_eq!(work.get(&with(&own, format!("{planted}; {cookie}")), &address).await.status, 200, "{planted}");
        // A launch is given a cookie of its own, and ends in no browser that has only the planted one.
        let mut victim = with(&surfer(), planted.clone());
        let begun = work.launch(&mut victim).await;
        assert!(victim.cookie.as_ref().is_some_and(|own| !planted.contains(own.as_str())), "{planted}: no cookie was set");
        assert_eq!(work.come_back(&with(&surfer(), planted.clone()), &begun, &json!(null)).await.status, 403, "{planted}");
        // A frame without a cookie of ours is one, with and without what was planted.
        let frame = with(&framed(), planted.clone());
        let begun = work.launch(&mut frame.clone()).await;
        work.sign().await;
        let answer = work.come_back(&frame, &begun, &json!(null)).await;
        let address = answer.header("location").unwrap();
        assert_eq!(work.get(&framed(), address).await.status, 200, "{planted}");
        assert_eq!(work.get(&frame, address).await.status, 200, "{planted}");
        assert_eq!(work.get(&with(&surfer(), planted.clone()), address).await.status, 403, "{planted}");
    }
}

#[tokio::test]
async fn over_plain_http_a_cookie_has_no_host_prefix_and_works_as_well() {
    let plain = |config: &mut sij_cds::config::Config| config.server.public_url = Some("http://localhost:8080/app".parse().unwrap());
    let (work, mut own) = (AppAtWork::with(&story("nothing-documented"), plain, |_| {}).await, surfer());
    let answer = work.get(&own, &format!("/smart/launch?iss={}&launch=l", work.ehr.iss())).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("sij-app-") && cookie.contains("; Path=/app/smart; "), "{cookie}");
    work.sign().await;
    let address = work.open(&mut own, &json!(null)).await;
    let page = address.strip_prefix("/app").unwrap();
    assert_eq!(work.get(&own, page).await.status, 200);
    assert_eq!(work.get(&Surfer { cookie: None, ..own.clone() }, page).await.status, 403);
}
