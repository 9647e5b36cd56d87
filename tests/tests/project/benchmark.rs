//! What the benchmark makes of its measures.

use std::process::Command;

use e2e::root;

#[test]
fn measures_become_a_table_data_and_a_chart() {
    let output = Command::new("python3")
        .args(["-B", "-m", "unittest", "--quiet"])
        .current_dir(root().join("tests/bench"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Ran 3 tests"), "{said}");
}
