//! The sandbox's init and nothing else: what this crate's tests start instead of the product's binary.

fn main() {
    trustmill_sandbox::init_main()
}
