//! The one table of keys: what each does, where it holds, how the footer calls it.
//!
//! Dispatch, footer, help and palette are all read from [`BINDINGS`]; a key that is not in it
//! does nothing outside text inputs.

use crate::app::action::{Action, Binding, When};
use crate::app::focus::Pane;

const LISTS: &[Pane] = &[Pane::Prompts, Pane::Histogram, Pane::Map];
const ROWS: &[Pane] = &[
    Pane::Prompts,
    Pane::Histogram,
    Pane::Baseline,
    Pane::Steered,
    Pane::Map,
    Pane::Factors,
    Pane::Shift,
    Pane::Predictors,
    Pane::Datasets,
    Pane::Controls,
    Pane::Tokens,
    Pane::Fan,
    Pane::Vectors,
];
/// Panes that a study fills.
const LAB: &[Pane] = &[
    Pane::Map,
    Pane::Factors,
    Pane::Shift,
    Pane::Predictors,
    Pane::Datasets,
    Pane::Controls,
    Pane::Tokens,
    Pane::Fan,
];
const VECTORS: &[Pane] = &[Pane::Vectors];
const DATASETS: &[Pane] = &[Pane::Datasets];
const STRIP: &[Pane] = &[Pane::Tokens];
const MAP: &[Pane] = &[Pane::Map];
const FACTORS: &[Pane] = &[Pane::Factors];
const SHIFT: &[Pane] = &[Pane::Shift];
const MATCHED: &[Pane] = &[Pane::Shift, Pane::Predictors];
const FAN: &[Pane] = &[Pane::Fan];
const SLIDERS: &[Pane] = &[Pane::Layer, Pane::Coefficient];
const COEFFICIENT: &[Pane] = &[Pane::Coefficient];
const LAYER: &[Pane] = &[Pane::Layer];
const HISTOGRAM: &[Pane] = &[Pane::Histogram];
const FIGURES: &[Pane] = &[Pane::Histogram, Pane::Curve];
const CURVE: &[Pane] = &[Pane::Curve, Pane::Map];
const PROMPTS: &[Pane] = &[Pane::Prompts];

const fn row(
    action: Action,
    when: When,
    keys: &'static [&'static str],
    about: &'static str,
    hint: Option<(&'static str, u8)>,
) -> Binding {
    Binding {
        action,
        about,
        keys,
        when,
        hint,
    }
}

/// Every binding, in the order of the help; one row per line.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    // Sliders.
    row(Action::Decrease, When::In(SLIDERS), &["h", "left"], "one step less", Some(("less", 0))),
    row(Action::Increase, When::In(SLIDERS), &["l", "right"], "one step more", Some(("more", 0))),
    row(Action::DecreaseMore, When::In(SLIDERS), &["H", "shift-left"], "ten steps less", None),
    row(Action::IncreaseMore, When::In(SLIDERS), &["L", "shift-right"], "ten steps more", None),
    row(Action::Lowest, When::In(SLIDERS), &["home", "g"], "to the low end", None),
    row(Action::Highest, When::In(SLIDERS), &["end", "G"], "to the high end", None),
    row(Action::Zero, When::In(COEFFICIENT), &["0"], "coefficient 0: the model as it is", Some(("zero", 3))),
    row(Action::FlipSign, When::In(COEFFICIENT), &["-"], "flip the sign", Some(("flip sign", 4))),
    row(Action::TypeValue, When::In(COEFFICIENT), &["1", "2", "3", "4", "5", "6", "7", "8", "9", "."], "type a coefficient, enter sets it", None),
    row(Action::TypeValue, When::In(LAYER), &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "type a block, enter sets it", None),
    // Histogram and curve.
    row(Action::PreviousBar, When::In(HISTOGRAM), &["h", "left"], "bar to the left", Some(("bar", 0))),
    row(Action::NextBar, When::In(HISTOGRAM), &["l", "right"], "bar to the right", Some(("bar", 0))),
    row(Action::GridDown, When::In(CURVE), &["h", "left"], "next lower multiplier of the grid", Some(("multiplier", 0))),
    row(Action::GridUp, When::In(CURVE), &["l", "right"], "next higher multiplier of the grid", Some(("multiplier", 0))),
    row(Action::RunStudy, When::In(FIGURES), &["w"], "read what steering costs on the neutral text", None),
    // Laboratory.
    row(Action::SuggestedBlock, When::In(MAP), &["b"], "to the block that the sweep suggests", Some(("suggested", 3))),
    row(Action::NextFigure, When::In(MAP), &["s"], "propensity, change from 0, wrong-way share, spread", Some(("figure", 3))),
    row(Action::NextFigure, When::In(FACTORS), &["s"], "shares of the variance, or the variance", Some(("figure", 3))),
    row(Action::NextFigure, When::In(SHIFT), &["s"], "the next matrix", Some(("figure", 3))),
    row(Action::NextFigure, When::In(DATASETS), &["s"], "vectors at their length, or at equal kappa", Some(("figure", 3))),
    row(Action::OtherComparison, When::In(MAP), &["e"], "multipliers of the vector, or of equal kappa at every block", Some(("compare", 3))),
    row(Action::OtherComparison, When::In(FACTORS), &["e"], "each data set's own vector, or the loaded one for all", Some(("compare", 3))),
    row(Action::OtherComparison, When::In(DATASETS), &["e"], "data sets with their own vectors or the loaded one, or vectors", Some(("compare", 3))),
    row(Action::OtherComparison, When::In(MATCHED), &["e"], "this data set, or all of them", Some(("compare", 3))),
    row(Action::OtherComparison, When::In(STRIP), &["e"], "free attention, or frozen to the unsteered keys and values", Some(("freeze", 3))),
    row(Action::OtherComparison, When::In(FAN), &["e"], "lanes of control directions beside, or not", Some(("control lanes", 3))),
    row(Action::LoadRow, When::In(DATASETS), &["enter"], "load the vector or the data set under the cursor", Some(("load", 1))),
    row(Action::OwnBlocks, When::In(DATASETS), &["b"], "vectors each at its own block, or all at the slider's", Some(("blocks", 4))),
    row(Action::RunStudy, When::In(LAB), &["w"], "run the study of this screen", Some(("run", 2))),
    row(Action::PreviousBar, When::In(STRIP), &["h", "left"], "token to the left", Some(("token", 0))),
    row(Action::NextBar, When::In(STRIP), &["l", "right"], "token to the right", Some(("token", 0))),
    // Vectors.
    row(Action::NextFigure, When::In(VECTORS), &["s"], "card, cosines between vectors, between blocks, the new vector", Some(("figure", 3))),
    row(Action::OtherComparison, When::In(VECTORS), &["e"], "cosines with and without the two largest coordinates", Some(("compare", 3))),
    row(Action::LoadSelected, When::In(VECTORS), &["enter"], "load the selected vector", Some(("load", 0))),
    row(Action::MarkVector, When::In(VECTORS), &["space"], "mark for the comparison of vectors on F8", Some(("mark", 1))),
    row(Action::PickVector, When::In(VECTORS), &["/"], "find a vector, or open a file", Some(("find", 3))),
    row(Action::ShiftEarlier, When::In(VECTORS), &["["], "all directions one block earlier", Some(("shift", 2))),
    row(Action::ShiftLater, When::In(VECTORS), &["]"], "all directions one block later", Some(("shift", 2))),
    row(Action::AsMeasured, When::In(VECTORS), &["m"], "where it was measured, or where its own tool applies it", Some(("measured/applied", 5))),
    row(Action::FlipVector, When::In(VECTORS), &["-"], "turn the sign", Some(("flip", 2))),
    row(Action::ScaleVector, When::In(VECTORS), &["*"], "multiply by a factor", Some(("scale", 2))),
    row(Action::Duplicate, When::In(VECTORS), &["D"], "a copy to change by itself", Some(("duplicate", 4))),
    row(Action::RenameVector, When::In(VECTORS), &["R"], "another name", Some(("rename", 4))),
    row(Action::SaveVector, When::In(VECTORS), &["W"], "write it with its changes to your folder", Some(("save", 3))),
    row(Action::UndoVector, When::In(VECTORS), &["u"], "take the vector's last change back", Some(("undo", 3))),
    row(Action::RedoVector, When::In(VECTORS), &["ctrl-r"], "make the change again", None),
    // Lists and texts.
    row(Action::Open, When::In(LISTS), &["enter"], "open the selected input in the text panes", Some(("open", 1))),
    row(Action::MoveUp, When::In(ROWS), &["k", "up"], "up one row", Some(("move", 2))),
    row(Action::MoveDown, When::In(ROWS), &["j", "down"], "down one row", Some(("move", 2))),
    row(Action::PageUp, When::In(ROWS), &["pgup", "ctrl-u"], "up one page", None),
    row(Action::PageDown, When::In(ROWS), &["pgdn", "ctrl-d"], "down one page", None),
    row(Action::First, When::In(ROWS), &["g", "home"], "to the first row", None),
    row(Action::Last, When::In(ROWS), &["G", "end"], "to the last row", None),
    row(Action::DeletePrompt, When::In(PROMPTS), &["D", "delete"], "remove a typed prompt from the list", None),
    // Steering from anywhere.
    row(Action::BlockDown, When::Main, &["["], "steer one block earlier", Some(("block", 3))),
    row(Action::BlockUp, When::Main, &["]"], "steer one block later", Some(("block", 3))),
    row(Action::CoefficientDown, When::Main, &["<"], "coefficient one step down", Some(("coefficient", 2))),
    row(Action::CoefficientUp, When::Main, &[">"], "coefficient one step up", Some(("coefficient", 2))),
    row(Action::ToggleSteering, When::Main, &["space"], "vector on or off", Some(("on/off", 5))),
    row(Action::Undo, When::Main, &["u"], "take the last change of the steering back", None),
    row(Action::Redo, When::Main, &["ctrl-r"], "make it again", None),
    // Text.
    row(Action::ToggleChat, When::Main, &["c"], "chat format of your own prompts", None),
    row(Action::EditPrompt, When::Main, &["i"], "edit the prompt", Some(("edit prompt", 4))),
    row(Action::NewPrompt, When::Main, &["a"], "write a new prompt", None),
    row(Action::NextPrompt, When::Main, &["n"], "open the next prompt of the list", Some(("next prompt", 6))),
    row(Action::PreviousPrompt, When::Main, &["N"], "open the previous prompt", None),
    row(Action::FilterPrompts, When::Main, &["/"], "filter the prompts", None),
    row(Action::RerunNewSeed, When::Main, &["r"], "generate again with the next seed", None),
    row(Action::Rerun, When::Main, &["R"], "generate again with the same seed", None),
    row(Action::Stop, When::Main, &["x"], "stop generating and measuring", Some(("stop", 3))),
    row(Action::Sampling, When::Main, &["o"], "temperature, top-k, top-p, seed, length", None),
    row(Action::Copy, When::Main, &["y"], "copy the focused text or figures", None),
    row(Action::ExportFigure, When::Main, &["X"], "histogram and curve as SVG and PNG in the working directory", Some(("export", 7))),
    row(Action::NextReference, When::Main, &["B"], "the left text: unsteered, a control direction, another vector, the system text", Some(("against", 6))),
    row(Action::UnsteeredReference, When::Main, &[], "the unsteered text on the left again", None),
    // What is loaded.
    row(Action::PickVector, When::Main, &["v"], "choose a steering vector", Some(("vector", 5))),
    row(Action::PickDataset, When::Main, &["d"], "choose a data set", Some(("data set", 6))),
    row(Action::PickMask, When::Main, &["m"], "choose the steered positions", None),
    row(Action::OpenTokens, When::Main, &["T"], "the prompt token by token: choose what is steered", Some(("tokens", 7))),
    row(Action::Asking, When::Main, &["A"], "the protocol: chat template and system text, or paper parity", None),
    row(Action::PickOperator, When::Main, &["O"], "choose the operator: add, project out, clamp, turn", None),
    row(Action::PickCondition, When::Main, &["I"], "steer only if the prompt is like a condition vector", None),
    row(Action::PickPoint, When::Main, &["P"], "choose the point of the block", None),
    row(Action::ShowReceipt, When::Main, &["V"], "the receipt: proof of how the vector is applied", Some(("receipt", 6))),
    row(Action::LoadModel, When::Main, &["M"], "choose a model", None),
    // Screens.
    row(Action::NextScreen, When::Main, &[")"], "next screen", Some(("screen", 4))),
    row(Action::PreviousScreen, When::Main, &["("], "previous screen", None),
    row(Action::ShowExplore, When::Main, &["F3"], "texts, sliders, histogram", None),
    row(Action::ShowLayers, When::Main, &["F4"], "all layers at all multipliers", None),
    row(Action::ShowFactors, When::Main, &["F5"], "how much of the effect is a letter or a Yes", None),
    row(Action::ShowShift, When::Main, &["F6"], "the vector under other prompts", None),
    row(Action::ShowPredictors, When::Main, &["F7"], "what is known before steering", None),
    row(Action::ShowDatasets, When::Main, &["F8"], "many data sets side by side", None),
    row(Action::ShowControls, When::Main, &["F9"], "the vector against other directions", None),
    row(Action::ShowTokens, When::Main, &["F10"], "the steered text token by token", None),
    row(Action::ShowFan, When::Main, &["F11"], "one prompt under several coefficients", None),
    row(Action::ShowVectors, When::Main, &["F12"], "the library of vectors", None),
    row(Action::PickUnit, When::Main, &["U"], "choose the unit of the coefficient", None),
    row(Action::ExtractVector, When::Main, &["E"], "make a vector: of pairs, texts, prompts or responses", Some(("extract", 6))),
    row(Action::Calibrate, When::Main, &["C"], "find the coefficient with an effect of 1 nat", None),
    row(Action::Pin, When::Main, &["p"], "pin this vector, block, coefficient and mask", None),
    row(Action::Flip, When::Main, &["f"], "flip between the two pinned states", None),
    row(Action::ToggleControls, When::Main, &["K"], "random directions behind the histogram, z before its mean", Some(("controls", 5))),
    // Screen.
    row(Action::NextPane, When::Main, &["tab"], "focus the next pane", Some(("pane", 1))),
    row(Action::PreviousPane, When::Main, &["backtab"], "focus the previous pane", None),
    row(Action::FocusPane, When::Main, &["1", "2", "3", "4", "5", "6", "7"], "focus a pane by its number", None),
    row(Action::Zoom, When::Main, &["z"], "focused pane over the whole screen", None),
    row(Action::Help, When::Main, &["?", "F1"], "this help", Some(("help", 0))),
    row(Action::Palette, When::Main, &[":", "ctrl-p"], "find an action by name", None),
    row(Action::PickTheme, When::Main, &["t"], "choose a theme", None),
    row(Action::ToggleGlyphs, When::Main, &[], "Unicode or ASCII characters", None),
    row(Action::Log, When::Main, &["F2"], "all messages", None),
    row(Action::RestartEngine, When::Main, &[], "start a new engine after a crash", None),
    row(Action::Quit, When::Main, &["q"], "quit", Some(("quit", 1))),
    row(Action::Close, When::Anywhere, &["esc"], "close the top layer, else stop the running job", None),
    row(Action::Interrupt, When::Anywhere, &["ctrl-c"], "stop the running job; twice quits", None),
    row(Action::Redraw, When::Anywhere, &["ctrl-l"], "draw the screen anew", None),
    row(Action::Suspend, When::Anywhere, &["ctrl-z"], "suspend to the shell", None),
    // Inputs.
    row(Action::Submit, When::Editor, &["enter"], "generate from this prompt", Some(("generate", 0))),
    row(Action::Newline, When::Editor, &["alt-enter", "ctrl-j"], "new line", Some(("new line", 1))),
    row(Action::ListUp, When::Editor, &["up"], "line up; from the first line, earlier prompts", Some(("history", 2))),
    row(Action::ListDown, When::Editor, &["down"], "line down; from the last line, later prompts", Some(("history", 2))),
    row(Action::AcceptFilter, When::Filter, &["enter"], "keep the filter", Some(("keep", 0))),
    row(Action::ListUp, When::Filter, &["up"], "up one row", None),
    row(Action::ListDown, When::Filter, &["down"], "down one row", None),
    row(Action::ListUp, When::List, &["up", "ctrl-k"], "up one row", Some(("move", 1))),
    row(Action::ListDown, When::List, &["down", "ctrl-j"], "down one row", Some(("move", 1))),
    row(Action::ListPageUp, When::List, &["pgup", "ctrl-u"], "up one page", None),
    row(Action::ListPageDown, When::List, &["pgdn", "ctrl-d"], "down one page", None),
    row(Action::ListAccept, When::List, &["enter"], "take the selected entry", Some(("take", 0))),
    row(Action::ListUp, When::Reader, &["k", "up"], "up one row", Some(("move", 1))),
    row(Action::ListDown, When::Reader, &["j", "down"], "down one row", Some(("move", 1))),
    row(Action::ListPageUp, When::Reader, &["pgup", "ctrl-u"], "up one page", None),
    row(Action::ListPageDown, When::Reader, &["pgdn", "ctrl-d"], "down one page", None),
    row(Action::Close, When::Reader, &["q"], "close", Some(("close", 0))),
    row(Action::Copy, When::Reader, &["y"], "copy the receipt as JSON", None),
    row(Action::SteerTokens, When::PromptTokens, &["enter"], "steer the selected tokens and no others", Some(("steer", 0))),
    row(Action::SelectTokens, When::PromptTokens, &["space", "v"], "begin a selection here, or give it up", Some(("select", 1))),
    row(Action::ReadTokens, When::PromptTokens, &["e"], "read the selected tokens when a vector is extracted", Some(("read", 4))),
    row(Action::SelectPart, When::PromptTokens, &["p"], "select the whole part: system, user, template", Some(("part", 1))),
    row(Action::TokenLeft, When::PromptTokens, &["h", "left", "k", "up"], "token to the left", Some(("token", 2))),
    row(Action::TokenRight, When::PromptTokens, &["l", "right", "j", "down"], "token to the right", Some(("token", 2))),
    row(Action::TokenFirst, When::PromptTokens, &["g", "home"], "first token", None),
    row(Action::TokenLast, When::PromptTokens, &["G", "end"], "last token", None),
    row(Action::SteerAll, When::PromptTokens, &["a"], "steer every position", Some(("all", 3))),
    row(Action::SteerAnswer, When::PromptTokens, &["r"], "steer generated tokens alone", Some(("answer", 3))),
    row(Action::SteerLast, When::PromptTokens, &["d"], "from the last prompt token on, the default", Some(("default", 3))),
    row(Action::TakeRead, When::SourceTokens, &["enter"], "read the selected tokens", Some(("read", 0))),
    row(Action::NextReading, When::SourceTokens, &["tab", "s"], "say them in another way, for texts of other lengths", Some(("other words", 1))),
    row(Action::SelectTokens, When::SourceTokens, &["space", "v"], "begin a selection here, or give it up", Some(("select", 1))),
    row(Action::SelectPart, When::SourceTokens, &["p"], "select the whole part: system, user, answer", Some(("part", 1))),
    row(Action::TokenLeft, When::SourceTokens, &["h", "left", "k", "up"], "token to the left", Some(("token", 2))),
    row(Action::TokenRight, When::SourceTokens, &["l", "right", "j", "down"], "token to the right", Some(("token", 2))),
    row(Action::TokenFirst, When::SourceTokens, &["g", "home"], "first token", None),
    row(Action::TokenLast, When::SourceTokens, &["G", "end"], "last token", None),
    row(Action::FieldUp, When::Form, &["up", "backtab"], "previous field", Some(("field", 1))),
    row(Action::FieldDown, When::Form, &["down", "tab"], "next field", Some(("field", 1))),
    row(Action::FieldLess, When::Form, &["left"], "lower the value", Some(("change", 2))),
    row(Action::FieldMore, When::Form, &["right"], "raise the value", Some(("change", 2))),
    row(Action::Apply, When::Form, &["enter"], "take the values", Some(("apply", 0))),
    row(Action::FieldUp, When::Making, &["up", "backtab"], "previous field", Some(("field", 1))),
    row(Action::FieldDown, When::Making, &["down", "tab"], "next field", Some(("field", 1))),
    row(Action::FieldLess, When::Making, &["left"], "previous choice", Some(("change", 2))),
    row(Action::FieldMore, When::Making, &["right"], "next choice", Some(("change", 2))),
    row(Action::ChooseRead, When::Making, &["ctrl-t"], "choose the tokens read on the first text", Some(("choose tokens", 3))),
    row(Action::Apply, When::Making, &["enter"], "make the vector", Some(("make", 0))),
    row(Action::RestartEngine, When::Died, &["r", "enter"], "start a new engine", Some(("restart engine", 0))),
    row(Action::Quit, When::Died, &["q"], "quit", Some(("quit", 1))),
];
