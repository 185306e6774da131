//! The sandbox's init and nothing else: what tests and measurements start instead of the product's binary.

fn main() {
    trustmill_sandbox::init_main()
}
