//! The page of results: what is on it, and that it is one.

mod figures;
mod form;
mod pages;
