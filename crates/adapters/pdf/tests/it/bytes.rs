//! What a document is beside its text.

use domicile_billing::ports::{Printer as _, ReceiptSheet};

use crate::{
    poppler,
    sheets::{printer, receipt, statement},
};

#[test]
fn the_same_sheet_is_the_same_bytes_whoever_prints_it() {
    let (one, other) = (printer(), printer());
    let sheet = statement(120);
    let printed = one.statement(&sheet).unwrap();
    assert_eq!(printed, other.statement(&sheet).unwrap());
    std::thread::scope(|scope| {
        let same = [0; 4].map(|_| scope.spawn(|| one.statement(&sheet).unwrap()));
        for copy in same {
            assert_eq!(printed, copy.join().unwrap());
        }
    });
    assert_ne!(one.receipt(&receipt()).unwrap(), {
        one.receipt(&ReceiptSheet { payer: "Kofi Mensah".into(), ..receipt() }).unwrap()
    });
}

#[test]
fn a_document_says_what_it_is_and_is_a4() {
    let pdf = printer().receipt(&receipt()).unwrap();
    assert_eq!(poppler::info(&pdf, "Title"), "Receipt pay_0198f2a1c3 · Sunrise Hostel");
    assert_eq!(poppler::info(&pdf, "Author"), "Sunrise Hostel");
    assert!(poppler::info(&pdf, "Page size").contains("A4"), "{}", poppler::info(&pdf, "Page size"));
    assert_eq!(poppler::info(&pdf, "Encrypted"), "no");
    assert_eq!(poppler::info(&pdf, "JavaScript"), "no");
    // Its day is the sheet's own.
    assert!(
        pdf.windows(18).any(|bytes| bytes == b"(D:20260902080000Z")
            || pdf.windows(17).any(|b| b == b"(D:20260902080000")
    );
}

#[test]
fn both_typefaces_are_in_it_once_reduced_to_what_is_used_and_with_their_characters() {
    let pdf = printer().statement(&statement(200)).unwrap();
    let fonts = poppler::fonts(&pdf);
    assert_eq!(fonts.len(), 2, "{fonts:?}");
    for font in &fonts {
        assert!(font.contains("+NotoSans-"), "{font}");
        assert!(poppler::one_line(font).contains("CID TrueType Identity-H yes yes yes"), "{font}");
    }
    // A receipt is small enough for any mail.
    let receipt = printer().receipt(&receipt()).unwrap();
    assert!(receipt.len() < 40_000, "{} bytes", receipt.len());
}
